import type { Box } from "./chart-layout.ts";

type Point = { readonly x: number; readonly y: number };

const midX = ({ x, width }: Box) => x + width / 2;
const midY = ({ y, height }: Box) => y + height / 2;
const right = ({ x, width }: Box) => x + width;
const bottom = ({ y, height }: Box) => y + height;
const overlaps = (aFrom: number, aTo: number, bFrom: number, bTo: number) =>
  Math.min(aTo, bTo) > Math.max(aFrom, bFrom);

/**
 * The SVG path of an arrow from one box to another, ending at the other's edge. In a row or column it is straight, or
 * a curve around the boxes that lie between; from one row to the next it bends in the gutter between them.
 */
export function wayPath(from: Box, to: Box, boxes: readonly Box[]): string {
  const sameRow = overlaps(from.y, bottom(from), to.y, bottom(to));
  const sameColumn = overlaps(from.x, right(from), to.x, right(to));
  if (sameRow && to.x >= right(from)) {
    const y = (Math.max(from.y, to.y) + Math.min(bottom(from), bottom(to))) / 2;
    const blocked = boxes.some(
      (box) => overlaps(right(from), to.x, box.x, right(box)) && overlaps(y - 1, y + 1, box.y, bottom(box)),
    );
    return blocked ? arcAbove(from, to) : line({ x: right(from), y }, { x: to.x, y });
  }
  if (sameColumn && to.y >= bottom(from)) {
    const x = clamp(midX(to.width < from.width ? to : from), Math.max(from.x, to.x), Math.min(right(from), right(to)));
    const blocked = boxes.some(
      (box) => overlaps(bottom(from), to.y, box.y, bottom(box)) && overlaps(x - 1, x + 1, box.x, right(box)),
    );
    return blocked ? arcLeft(from, to) : line({ x, y: bottom(from) }, { x, y: to.y });
  }
  if (to.y >= bottom(from)) {
    const gutter = to.y - 16;
    return `M${midX(from)} ${bottom(from)} V${gutter} H${midX(to)} V${to.y}`;
  }
  return `M${midX(from)} ${midY(from)} L${midX(to)} ${midY(to)}`;
}

function line(from: Point, to: Point): string {
  return `M${from.x} ${from.y} L${to.x} ${to.y}`;
}

function arcAbove(from: Box, to: Box): string {
  const start = from.x + from.width * 0.75;
  const end = to.x + to.width * 0.25;
  const top = Math.min(from.y, to.y) - 20;
  return `M${start} ${from.y} C${start} ${top}, ${start + 8} ${top}, ${start + 24} ${top} H${end - 24} C${end - 8} ${top}, ${end} ${top}, ${end} ${to.y}`;
}

function arcLeft(from: Box, to: Box): string {
  const start = from.y + from.height * 0.75;
  const end = to.y + to.height * 0.25;
  const side = Math.min(from.x, to.x) - 18;
  return `M${from.x} ${start} C${side} ${start}, ${side} ${start + 4}, ${side} ${start + 16} V${end - 16} C${side} ${end - 4}, ${side} ${end}, ${to.x} ${end}`;
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}
