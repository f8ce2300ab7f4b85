import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, test } from "vitest";
import { fieldChanges } from "./audit-changes.ts";
import { readAuditExport } from "./audit-export.ts";
import { auditQuery, auditRequest, filterOfQuery, isCustomSpan, isWide, localMoment } from "./audit-filter.ts";

const filterOf = (query: string) => filterOfQuery(new URLSearchParams(query));

describe("the filter of the audit trail", () => {
  test("is read from the address, and what makes no sense there is left out", () => {
    expect(filterOf("actor=ann&decision=perhaps&from=yesterday&to=2026-01-31T22:30Z&other=1")).toEqual({
      ...{ actor: "ann", method: "", object: "", decision: "", request: "", from: "", to: "2026-01-31T22:30Z" },
    });
    expect(filterOf(`actor=${"x".repeat(300)}`).actor).toHaveLength(256);
    expect([isWide(filterOf("")), isWide(filterOf("decision=denied"))]).toEqual([true, false]);
  });

  test("counts spans back from now, for the API and for the export alike", () => {
    const nowMs = Date.UTC(2026, 0, 31, 12);
    const filter = filterOf("from=24h&object=web&request=move-web-1");
    expect(auditRequest(filter, nowMs)).toEqual({
      ...{ actor: "", method: "", object: "web", decision: "", request: "move-web-1" },
      from: timestampFromMs(nowMs - 86_400_000),
    });
    expect(auditQuery(filter, nowMs)).toBe("object=web&request=move-web-1&from=2026-01-30T12%3A00%3A00.000Z");
  });
});

test("moments of one's own are told from spans that are offered, and written as a form's control has them", () => {
  expect(
    ["from=24h", "from=2026-01-31T22:30", "to=2026-01-31T22:30", ""].map((query) => isCustomSpan(filterOf(query))),
  ).toEqual([false, true, true, false]);
  expect(localMoment(Date.UTC(2026, 0, 31, 22, 30, 59), -60)).toBe("2026-01-31T23:30");
});

test("before and after stand side by side, and what was made has no before", () => {
  expect(fieldChanges({ name: "web", cpu: 1 }, { name: "web", cpu: 2, tags: ["a"] })).toEqual([
    { field: "name", before: "web", after: "web" },
    { field: "cpu", before: "1", after: "2" },
    { field: "tags", before: undefined, after: '[\n  "a"\n]' },
  ]);
  expect(fieldChanges(undefined, { id: "x" })).toEqual([{ field: "id", before: undefined, after: "x" }]);
});

describe("an export", () => {
  const { signal } = new AbortController();
  const answering =
    (response: Response): typeof fetch =>
    () =>
      Promise.resolve(response);

  test("is whole, up to the bound, and nothing when it is one byte more", async () => {
    const whole = await readAuditExport("", signal, answering(new Response("12345")), 5);
    expect(whole.ok && (await whole.value.text())).toBe("12345");
    const more = await readAuditExport("", signal, answering(new Response("123456")), 5);
    expect(more).toMatchObject({ ok: false, error: { code: "too_large" } });
  });

  test("that is refused says why in the coordinator's words, and one that breaks off is not taken for the whole", async () => {
    const refusal = { code: "permission_denied", message: "You lack audit:view.", nextStep: "Ask an operator." };
    expect(
      await readAuditExport("", signal, answering(new Response(JSON.stringify(refusal), { status: 403 }))),
    ).toMatchObject({ ok: false, error: { ...refusal, retryable: false } });
    const broken = new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode("{}\n"));
      },
      pull(controller) {
        controller.error(new TypeError("network error"));
      },
    });
    expect(await readAuditExport("", signal, answering(new Response(broken)))).toMatchObject({
      ok: false,
      error: { code: "unavailable" },
    });
  });
});
