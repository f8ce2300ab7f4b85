import { checkBytes } from "./reed-solomon.ts";

/** Check bytes a block, and blocks, of the versions 1 to 20 at level L, which is right for a screen. */
const CHECKS = [7, 10, 15, 20, 26, 18, 20, 24, 30, 18, 20, 24, 26, 30, 22, 24, 28, 30, 28, 28] as const;
const BLOCKS = [1, 1, 1, 1, 1, 2, 2, 2, 2, 4, 4, 4, 4, 4, 6, 6, 6, 6, 7, 8] as const;
const VERSION_MAX = 20;
const BYTE_MODE = 0b0100;
const LEVEL_L = 0b01;

type Grid = { readonly size: number; readonly dark: boolean[][]; readonly fixed: boolean[][] };

/** A QR code (ISO 18004) of a text in UTF-8 of at most 858 bytes: rows of modules, true is dark. Throws RangeError for more. */
export function qrCode(text: string): readonly (readonly boolean[])[] {
  const bytes = [...new TextEncoder().encode(text)];
  const version = versionFor(bytes.length);
  const codewords = interleaved(dataBytes(bytes, version), version);
  let best: Grid | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (let mask = 0; mask < 8; mask += 1) {
    const grid = drawn(version, codewords, mask);
    const penalty = penaltyOf(grid.dark);
    if (penalty < least) [best, least] = [grid, penalty];
  }
  return best?.dark ?? [];
}

/** Modules that are neither a pattern nor information about the code. */
function rawModules(version: number): number {
  let count = (16 * version + 128) * version + 64;
  if (version >= 2) {
    const aligned = Math.floor(version / 7) + 2;
    count -= (25 * aligned - 10) * aligned - 55;
    if (version >= 7) count -= 36;
  }
  return count;
}
const checksOf = (version: number): number => CHECKS[version - 1] ?? 0;
const blocksOf = (version: number): number => BLOCKS[version - 1] ?? 1;
const dataCapacity = (version: number): number =>
  Math.floor(rawModules(version) / 8) - checksOf(version) * blocksOf(version);
const lengthBits = (version: number): number => (version < 10 ? 8 : 16);

function versionFor(bytes: number): number {
  for (let version = 1; version <= VERSION_MAX; version += 1) {
    if (4 + lengthBits(version) + bytes * 8 <= dataCapacity(version) * 8) return version;
  }
  throw new RangeError(`a text of ${bytes} bytes fits into no QR code of version ${VERSION_MAX}`);
}

function dataBytes(bytes: readonly number[], version: number): readonly number[] {
  const capacity = dataCapacity(version);
  const bits: number[] = [];
  const push = (value: number, count: number) => {
    for (let bit = count - 1; bit >= 0; bit -= 1) bits.push((value >>> bit) & 1);
  };
  push(BYTE_MODE, 4);
  push(bytes.length, lengthBits(version));
  for (const byte of bytes) push(byte, 8);
  push(0, Math.min(4, capacity * 8 - bits.length));
  push(0, (8 - (bits.length % 8)) % 8);
  const words: number[] = [];
  for (let at = 0; at < bits.length; at += 8) words.push(bits.slice(at, at + 8).reduce((sum, bit) => sum * 2 + bit, 0));
  for (let pad = 0xec; words.length < capacity; pad ^= 0xec ^ 0x11) words.push(pad);
  return words;
}

/** Data and check bytes, the first of every block first: a scratch then hurts each block a little. */
function interleaved(data: readonly number[], version: number): readonly number[] {
  const count = blocksOf(version);
  const short = count - (data.length % count);
  const length = Math.floor(data.length / count);
  const blocks: (readonly number[])[] = [];
  for (let block = 0, at = 0; block < count; block += 1) {
    const size = length + (block < short ? 0 : 1);
    blocks.push(data.slice(at, at + size));
    at += size;
  }
  const checks = blocks.map((block) => checkBytes(block, checksOf(version)));
  return [...columns(blocks), ...columns(checks)];
}

function columns(rows: readonly (readonly number[])[]): readonly number[] {
  const longest = Math.max(...rows.map(({ length }) => length));
  const all: number[] = [];
  for (let at = 0; at < longest; at += 1) {
    for (const row of rows) {
      const value = row[at];
      if (value !== undefined) all.push(value);
    }
  }
  return all;
}

function drawn(version: number, codewords: readonly number[], mask: number): Grid {
  const size = version * 4 + 17;
  const empty = () => Array.from({ length: size }, () => new Array<boolean>(size).fill(false));
  const grid: Grid = { size, dark: empty(), fixed: empty() };
  drawPatterns(grid, version);
  drawFormat(grid, mask);
  drawData(grid, codewords, mask);
  return grid;
}

/** Sets a module that the mask leaves alone; what lies outside is left out. */
function fix({ size, dark, fixed }: Grid, x: number, y: number, isDark: boolean): void {
  const row = dark[y];
  const fixedRow = fixed[y];
  if (row === undefined || fixedRow === undefined || x < 0 || x >= size) return;
  row[x] = isDark;
  fixedRow[x] = true;
}

function drawPatterns(grid: Grid, version: number): void {
  const { size } = grid;
  for (let at = 0; at < size; at += 1) {
    fix(grid, 6, at, at % 2 === 0);
    fix(grid, at, 6, at % 2 === 0);
  }
  const square = (cx: number, cy: number, reach: number, light: readonly number[]) => {
    for (let dy = -reach; dy <= reach; dy += 1) {
      for (let dx = -reach; dx <= reach; dx += 1) {
        fix(grid, cx + dx, cy + dy, !light.includes(Math.max(Math.abs(dx), Math.abs(dy))));
      }
    }
  };
  const places = alignmentPlaces(version);
  const last = places.length - 1;
  for (const [i, x] of places.entries()) {
    for (const [j, y] of places.entries()) {
      const atFinder = (i === 0 && j === 0) || (i === 0 && j === last) || (i === last && j === 0);
      if (!atFinder) square(x, y, 2, [1]);
    }
  }
  for (const [x, y] of [
    [3, 3],
    [size - 4, 3],
    [3, size - 4],
  ] as const) {
    square(x, y, 4, [2, 4]);
  }
  if (version < 7) return;
  let rest = version;
  for (let step = 0; step < 12; step += 1) rest = (rest << 1) ^ ((rest >>> 11) * 0x1f25);
  const bits = (version << 12) | rest;
  for (let bit = 0; bit < 18; bit += 1) {
    const isDark = ((bits >>> bit) & 1) === 1;
    const a = size - 11 + (bit % 3);
    const b = Math.floor(bit / 3);
    fix(grid, a, b, isDark);
    fix(grid, b, a, isDark);
  }
}

function alignmentPlaces(version: number): readonly number[] {
  if (version === 1) return [];
  const count = Math.floor(version / 7) + 2;
  const step = Math.ceil((version * 4 + 4) / (count * 2 - 2)) * 2;
  const places = Array.from({ length: count - 1 }, (_, index) => version * 4 + 10 - index * step);
  return [6, ...places.reverse()];
}

function drawFormat(grid: Grid, mask: number): void {
  const { size } = grid;
  const data = (LEVEL_L << 3) | mask;
  let rest = data;
  for (let step = 0; step < 10; step += 1) rest = (rest << 1) ^ ((rest >>> 9) * 0x537);
  const bits = ((data << 10) | rest) ^ 0x5412;
  const bit = (index: number) => ((bits >>> index) & 1) === 1;
  for (let index = 0; index <= 5; index += 1) fix(grid, 8, index, bit(index));
  fix(grid, 8, 7, bit(6));
  fix(grid, 8, 8, bit(7));
  fix(grid, 7, 8, bit(8));
  for (let index = 9; index < 15; index += 1) fix(grid, 14 - index, 8, bit(index));
  for (let index = 0; index < 8; index += 1) fix(grid, size - 1 - index, 8, bit(index));
  for (let index = 8; index < 15; index += 1) fix(grid, 8, size - 15 + index, bit(index));
  fix(grid, 8, size - 8, true);
}

/** True where a mask turns a module over. */
export function masks(mask: number, x: number, y: number): boolean {
  switch (mask) {
    case 0:
      return (x + y) % 2 === 0;
    case 1:
      return y % 2 === 0;
    case 2:
      return x % 3 === 0;
    case 3:
      return (x + y) % 3 === 0;
    case 4:
      return (Math.floor(x / 3) + Math.floor(y / 2)) % 2 === 0;
    case 5:
      return ((x * y) % 2) + ((x * y) % 3) === 0;
    case 6:
      return (((x * y) % 2) + ((x * y) % 3)) % 2 === 0;
    default:
      return (((x + y) % 2) + ((x * y) % 3)) % 2 === 0;
  }
}

function drawData({ size, dark, fixed }: Grid, codewords: readonly number[], mask: number): void {
  let at = 0;
  for (let right = size - 1; right >= 1; right -= 2) {
    if (right === 6) right = 5;
    for (let step = 0; step < size; step += 1) {
      const upwards = ((right + 1) & 2) === 0;
      const y = upwards ? size - 1 - step : step;
      for (const x of [right, right - 1]) {
        const row = dark[y];
        if (row === undefined || fixed[y]?.[x] === true) continue;
        const isDark = (((codewords[at >>> 3] ?? 0) >>> (7 - (at & 7))) & 1) === 1;
        row[x] = isDark !== masks(mask, x, y);
        at += 1;
      }
    }
  }
}

/** How hard a code is to read: long runs, blocks of one colour, what looks like a finder, too much of one colour. */
function penaltyOf(rows: readonly (readonly boolean[])[]): number {
  const size = rows.length;
  const turned = rows.map((_, x) => rows.map((row) => row[x] === true));
  let penalty = 0;
  for (const line of [...rows, ...turned]) penalty += linePenalty(line);
  let darkCount = 0;
  for (const [y, row] of rows.entries()) {
    for (const [x, isDark] of row.entries()) {
      if (isDark) darkCount += 1;
      const below = rows[y + 1];
      if (below !== undefined && row[x + 1] === isDark && below[x] === isDark && below[x + 1] === isDark) penalty += 3;
    }
  }
  return penalty + Math.floor(Math.abs(darkCount / (size * size) - 0.5) * 20) * 10;
}

const FINDER_LIKE = /(?=10111010000|00001011101)/g;

function linePenalty(line: readonly boolean[]): number {
  const text = line.map((isDark) => (isDark ? "1" : "0")).join("");
  const runs = [...text.matchAll(/0{5,}|1{5,}/g)].reduce((sum, [run]) => sum + run.length - 2, 0);
  return runs + [...text.matchAll(FINDER_LIKE)].length * 40;
}
