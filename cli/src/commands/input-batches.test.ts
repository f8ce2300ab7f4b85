import { expect, test } from "vitest";
import { INPUT_BYTES_MAX, inputBatches } from "./input-batches.ts";

async function batches(...chunks: (Uint8Array | string)[]): Promise<string[]> {
  const made: string[] = [];
  async function* source() {
    yield* chunks;
  }
  for await (const batch of inputBatches(source())) made.push(batch);
  return made;
}

test("lines that are there at once travel together, and the last one without its end as well", async () => {
  expect(await batches("one\ntwo\nthr", "ee\n", "four")).toEqual(["one\ntwo\n", "three\n", "four"]);
  expect(await batches()).toEqual([]);
  expect(await batches("\n")).toEqual(["\n"]);
});

test("no batch is larger than one call may carry, no character is cut in two, and nothing is left out", async () => {
  const line = `${"é".repeat(999)}\n`;
  const long = "🧨".repeat(5_000);
  for (const text of [
    line.repeat(20),
    long,
    `${long}\n${line}`,
    "x".repeat(INPUT_BYTES_MAX),
    "x".repeat(INPUT_BYTES_MAX + 1),
  ]) {
    const bytes = Buffer.from(text);
    const chunks = Array.from({ length: Math.ceil(bytes.length / 777) }, (_, at) =>
      bytes.subarray(at * 777, (at + 1) * 777),
    );
    for (const made of [await batches(text), await batches(...chunks)]) {
      expect(made.join("")).toBe(text);
      expect(Math.max(...made.map((batch) => Buffer.byteLength(batch)))).toBeLessThanOrEqual(INPUT_BYTES_MAX);
      expect(made.every((batch) => batch.isWellFormed())).toBe(true);
    }
  }
});
