import { expect, test } from "vitest";
import { ManualClock } from "../runtime/manual-clock.ts";
import { type AuditEntry, NO_OBJECT } from "./audit-entry.ts";
import { DENIAL_WINDOW_MS, type Denial, DenialLedger, IN_ALL, PER_ACTOR } from "./denial-ledger.ts";

const made = () => {
  const clock = new ManualClock();
  const written: AuditEntry[] = [];
  return { clock, written, ledger: new DenialLedger((entry) => written.push(entry), clock) };
};
const denial = (method: string, name = "ci", address = "192.0.2.1"): Denial => ({
  ...{ requestId: "r", method, permission: "node:update", object: NO_OBJECT, outcome: "permission_denied" },
  ...{ reason: "No.", request: null },
  actor: { kind: name === "" ? "anonymous" : "token", id: name, name, tokenPrefix: "", address },
});
const settled = async (): Promise<void> => {};

test("the first denial of a kind is an entry at once, its equals within a minute are one more when that is over", async () => {
  const { clock, written, ledger } = made();
  for (let times = 0; times < 1_000; times += 1) ledger.note(denial("A"));
  ledger.note(denial("B"));
  expect(written.map(({ method, counted }) => [method, counted])).toEqual([
    ["A", null],
    ["B", null],
  ]);
  await clock.advance(DENIAL_WINDOW_MS, settled);
  expect(written.slice(2)).toMatchObject([{ method: "A", decision: "denied", counted: { count: 999 } }]);
  expect(written[2]?.counted?.since).toEqual(new Date(clock.wallMs() - DENIAL_WINDOW_MS));
  await clock.advance(DENIAL_WINDOW_MS, settled);
  expect(written).toHaveLength(3);
  ledger.note(denial("A"));
  expect(written).toHaveLength(4);
});

test("anonymous callers together, wherever they come from, get so many entries and no more, and the rest is counted", async () => {
  const { clock, written, ledger } = made();
  for (let host = 0; host < 5_000; host += 1) ledger.note(denial("A", "", `192.0.2.${host}`));
  expect(written).toHaveLength(PER_ACTOR.burst);
  expect(ledger.openCount).toBe(PER_ACTOR.burst + 1);
  await clock.advance(DENIAL_WINDOW_MS, settled);
  expect(written).toHaveLength(PER_ACTOR.burst + 1);
  expect(written.at(-1)).toMatchObject({
    actor: { kind: "anonymous", address: "" },
    method: "system/denials",
    outcome: "rate_limited",
    counted: { count: 5_000 - PER_ACTOR.burst },
  });
  for (let host = 0; host < 5_000; host += 1) ledger.note(denial("B", "", `192.0.2.${host}`));
  expect(written).toHaveLength(PER_ACTOR.burst + 1 + PER_ACTOR.perMinute);
});

test("one actor's denials keep nobody else's out, until all together are too many", () => {
  const { written, ledger } = made();
  for (let each = 0; each < 2 * PER_ACTOR.burst; each += 1) ledger.note(denial(`M${each}`, "noisy"));
  ledger.note(denial("A", "quiet"));
  expect(written.at(-1)?.actor.name).toBe("quiet");
  expect(written).toHaveLength(PER_ACTOR.burst + 1);
  for (let actor = 0; actor < 2 * IN_ALL.burst; actor += 1) ledger.note(denial("A", `actor-${actor}`));
  expect(written).toHaveLength(IN_ALL.burst);
});

test("an hour under attack by everybody writes no more than what is promised", async () => {
  const { clock, written, ledger } = made();
  const minutes = 60;
  for (let minute = 0; minute < minutes; minute += 1) {
    for (let each = 0; each < 500; each += 1) {
      ledger.note(denial(`M${each % 7}`, `actor-${each}`, `192.0.2.${minute}`));
      ledger.note(denial(`M${each % 7}`, "", `198.51.100.${each}`));
    }
    await clock.advance(DENIAL_WINDOW_MS, settled);
  }
  expect(written.length).toBeLessThanOrEqual(2 * (IN_ALL.burst + IN_ALL.perMinute * minutes) + 2 * minutes);
  const told = written.reduce((sum, { counted }) => sum + (counted?.count ?? 1), 0);
  expect(told).toBe(minutes * 1_000);
});

test("at the end what has been counted becomes entries, and no timer is left", async () => {
  const { clock, written, ledger } = made();
  ledger.note(denial("A"));
  ledger.note(denial("A"));
  ledger.flush();
  expect(written.map(({ counted }) => counted?.count ?? 1)).toEqual([1, 1]);
  await clock.advance(2 * DENIAL_WINDOW_MS, settled);
  expect(written).toHaveLength(2);
});
