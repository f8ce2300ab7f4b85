import { expect, test } from "vitest";
import { TERMINAL_BUFFER_BYTES_MAX, TERMINAL_PIECE_BYTES_MAX, TerminalBuffer } from "./terminal-buffer.ts";

test("output comes in order, in pieces of bounded size, and then the end", async () => {
  const buffer = new TerminalBuffer();
  for (const text of ["one ", "two ", "x".repeat(TERMINAL_PIECE_BYTES_MAX)]) buffer.push(Buffer.from(text));
  buffer.end(null);
  buffer.push(Buffer.from("too late"));
  const pieces = [];
  for await (const { bytes, skippedBytes } of buffer.pieces()) pieces.push([bytes.length, skippedBytes]);
  expect(pieces).toEqual([
    [TERMINAL_PIECE_BYTES_MAX, 0],
    [8, 0],
  ]);
});

test("of more than is kept the oldest goes, and the next piece says how much of it", async () => {
  const buffer = new TerminalBuffer();
  buffer.push(Buffer.alloc(100, "a"));
  for (let at = 0; at < 4; at += 1) buffer.push(Buffer.alloc(TERMINAL_BUFFER_BYTES_MAX / 4, "b"));
  buffer.push(Buffer.from("newest"));
  buffer.end(new Error("the engine went away"));
  const seen: Uint8Array[] = [];
  const skipped: number[] = [];
  const reading = async () => {
    for await (const { bytes, skippedBytes } of buffer.pieces()) {
      seen.push(bytes);
      skipped.push(skippedBytes);
    }
  };
  await expect(reading()).rejects.toThrow("the engine went away");
  const text = Buffer.concat(seen).toString();
  expect(text).toHaveLength(TERMINAL_BUFFER_BYTES_MAX);
  expect(text.endsWith("bnewest")).toBe(true);
  expect(text).not.toContain("a");
  expect(skipped[0]).toBe(106);
  expect(skipped.slice(1).every((bytes) => bytes === 0)).toBe(true);
});

test("a reader that waits gets what comes at once", async () => {
  const buffer = new TerminalBuffer();
  const pieces = buffer.pieces();
  const next = pieces.next();
  buffer.push(Buffer.from("$ "));
  expect(Buffer.from((await next).value?.bytes ?? []).toString()).toBe("$ ");
});
