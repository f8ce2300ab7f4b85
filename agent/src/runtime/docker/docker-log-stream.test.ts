import fc from "fast-check";
import { expect, test } from "vitest";
import { LOG_LINE_CHARS_MAX } from "../container-runtime.ts";
import { dockerLogLines, dockerTerminalLines } from "./docker-log-stream.ts";

function frame(stream: 1 | 2, text: string): Buffer {
  const payload = Buffer.from(text);
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(payload.length, 4);
  return Buffer.concat([header, payload]);
}

async function* cutAt(bytes: Buffer, size: number) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function lines(bytes: Buffer, size = bytes.length || 1) {
  const seen = [];
  for await (const line of dockerLogLines(cutAt(bytes, size))) seen.push(line);
  return seen;
}

const TIME = "2026-01-02T03:04:05.678901234Z";

test("frames are taken apart in order, wherever the network cuts them", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.constantFrom<1 | 2>(1, 2), fc.stringMatching(/^[a-zé ]{0,20}$/u)), { maxLength: 12 }),
      fc.integer({ min: 1, max: 40 }),
      async (written, size) => {
        const bytes = Buffer.concat(written.map(([stream, text]) => frame(stream, `${TIME} ${text}\n`)));
        const seen = await lines(bytes, size);
        expect(seen.map(({ stream, text }) => [stream === "stdout" ? 1 : 2, text])).toEqual(written);
        expect(seen.every(({ at }) => at?.toISOString() === "2026-01-02T03:04:05.678Z")).toBe(true);
      },
    ),
  );
});

test("a terminal's output has no frames, and its lines end as a terminal ends them", async () => {
  const bytes = Buffer.from(`${TIME} $ echo é\r\n${TIME} \u001b[1mé\u001b[0m\r\n${TIME} $ `);
  for (const size of [1, 7, bytes.length]) {
    const seen = [];
    for await (const line of dockerTerminalLines(cutAt(bytes, size))) seen.push(line);
    expect(seen.map(({ stream, text }) => [stream, text])).toEqual([
      ["stdout", "$ echo é"],
      ["stdout", "\u001b[1mé\u001b[0m"],
      ["stdout", "$ "],
    ]);
    expect(seen[0]?.at?.toISOString()).toBe("2026-01-02T03:04:05.678Z");
  }
});

test("an endless line is cut, and what is no frame is refused", async () => {
  const long = Array.from({ length: 10 }, () => frame(1, "x".repeat(16_000)));
  const [line] = await lines(Buffer.concat([frame(1, `${TIME} `), ...long, frame(1, "\n")]));
  expect(line?.text).toHaveLength(LOG_LINE_CHARS_MAX);
  await expect(lines(Buffer.from("plain text of a terminal"))).rejects.toThrow(/not in frames/);
});
