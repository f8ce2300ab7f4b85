import { describe, expect, test } from "vitest";
import { masks, qrCode } from "./qr-code.ts";
import { checkBytes } from "./reed-solomon.ts";

/** The bytes of the first blocks' data in reading order, by the rules of the standard: of codes with one block. */
function read(rows: readonly (readonly boolean[])[]): string {
  const size = rows.length;
  const at = (x: number, y: number): boolean => rows[y]?.[x] === true;
  // The mask stands in the bits 10 to 12 of the format, turned over by 101.
  const mask = [2, 3, 4].reduce((sum, x) => sum * 2 + Number(at(x, 8)), 0) ^ 0b101;
  const isPattern = (x: number, y: number): boolean =>
    x === 6 ||
    y === 6 ||
    (x < 9 && y < 9) ||
    (x < 9 && y >= size - 8) ||
    (x >= size - 8 && y < 9) ||
    (size > 21 && Math.abs(x - (size - 7)) <= 2 && Math.abs(y - (size - 7)) <= 2);
  const bits: number[] = [];
  let up = true;
  for (let right = size - 1; right > 0; right -= 2, up = !up) {
    if (right === 6) right -= 1;
    for (let step = 0; step < size; step += 1) {
      const y = up ? size - 1 - step : step;
      for (const x of [right, right - 1]) if (!isPattern(x, y)) bits.push(Number(at(x, y) !== masks(mask, x, y)));
    }
  }
  const number = (from: number, count: number) => bits.slice(from, from + count).reduce((sum, bit) => sum * 2 + bit, 0);
  expect(number(0, 4), "byte mode").toBe(4);
  const length = number(4, 8);
  return new TextDecoder().decode(Uint8Array.from({ length }, (_, index) => number(12 + index * 8, 8)));
}

describe("a QR code", () => {
  test("has the check bytes of the standard's example", () => {
    const helloWorld = [32, 91, 11, 120, 209, 114, 220, 77, 67, 64, 236, 17, 236, 17, 236, 17];
    expect(checkBytes(helloWorld, 10)).toEqual([196, 35, 39, 119, 235, 215, 231, 226, 93, 23]);
  });

  test("says what it was given", () => {
    for (const text of ["a", "Lormas", "otpauth://totp/Lormas:ann", "grüße, 東京", "x".repeat(106)]) {
      expect(read(qrCode(text))).toBe(text);
    }
  });

  test("grows with its text, and takes no more than it can hold", () => {
    expect([1, 17, 18, 230, 858].map((length) => qrCode("x".repeat(length)).length)).toEqual([21, 21, 25, 53, 97]);
    expect(() => qrCode("x".repeat(859))).toThrow(RangeError);
  });

  test("has its three finders, and is square", () => {
    const rows = qrCode("otpauth://totp/x");
    const corner = (x: number, y: number) =>
      rows
        .slice(y, y + 7)
        .map((row) =>
          row
            .slice(x, x + 7)
            .map(Number)
            .join(""),
        )
        .join(" ");
    const finder = "1111111 1000001 1011101 1011101 1011101 1000001 1111111";
    expect([corner(0, 0), corner(rows.length - 7, 0), corner(0, rows.length - 7)]).toEqual([finder, finder, finder]);
    expect(rows.every((row) => row.length === rows.length)).toBe(true);
  });
});
