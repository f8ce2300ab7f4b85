import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runApart } from "./run-apart.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "lormas-apart-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const BOUNDS = { msMax: 10_000, memoryMib: 64 };

function module(name: string, body: string): string {
  const path = join(folder, `${name}.mjs`);
  writeFileSync(path, `import { parentPort, workerData } from "node:worker_threads";\n${body}\n`);
  return path;
}

test("a module gets the input and answers, and sees nothing of this process's environment", async () => {
  process.env["LORMAS_SECRET_OF_A_TEST"] = "secret";
  const path = module(
    "sum",
    "parentPort.postMessage({ sum: workerData.a + workerData.b, env: Object.keys(process.env) });",
  );
  const outcome = await runApart<{ sum: number; env: string[] }>(path, { a: 1, b: 2 }, BOUNDS);
  delete process.env["LORMAS_SECRET_OF_A_TEST"];
  if (outcome.kind !== "answered") return expect.fail(outcome.kind);
  expect(outcome.answer.sum).toBe(3);
  expect(
    outcome.answer.env.filter((name) => name !== "NODE_COMPILE_CACHE" && !name.startsWith("NODE_CHANNEL")),
  ).toEqual([]);
});

test.each([
  ["never ends", "for (;;) {}", { ...BOUNDS, msMax: 1_000 }],
  ["takes all memory", "const all = []; for (;;) all.push(new Array(1e6).fill(workerData));", BOUNDS],
  ["aborts", "process.abort();", BOUNDS],
  ["throws", "throw new Error('no');", BOUNDS],
])("work that %s ends without an answer, and this process goes on", async (name, body, bounds) => {
  expect(await runApart(module(name.replaceAll(" ", "-"), body), "x", bounds)).toEqual({ kind: "ended" });
});
