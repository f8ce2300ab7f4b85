import { tinted, toneOf } from "../terminal/color.ts";
import { cutText, plainText, textWidth } from "./plain-text.ts";

/** One column of a table. */
export interface Column<Row> {
  readonly title: string;
  readonly value: (row: Row) => string;
  /** Numbers stand on the right. */
  readonly right?: boolean;
  /** Its cells are words for states: with colours, each has the colour of what it means. */
  readonly state?: boolean;
}

/** What a list or a thing is shown on. */
export interface Screen {
  /** A terminal's width; undefined: no terminal, nothing is cut. */
  readonly columns: number | undefined;
  readonly colors: boolean;
}

const gap = "  ";
const columnWidthMin = 8;

/**
 * The lines of a table, titles first. With `columns` (a terminal's width) the widest cells are cut until the table
 * fits, each column keeping at least 8; without, nothing is cut. Cells are freed of control characters; with `colors`
 * states have theirs.
 */
export function tableLines<Row>(
  shape: readonly Column<Row>[],
  rows: readonly Row[],
  columns: number | undefined,
  colors = false,
): string[] {
  const cells = [
    shape.map((column) => column.title),
    ...rows.map((row) => shape.map((column) => plainText(column.value(row)))),
  ];
  const wanted = shape.map((_, index) => Math.max(...cells.map((line) => textWidth(line[index] ?? ""))));
  const widths = columns === undefined ? wanted : fit(wanted, columns - gap.length * (shape.length - 1));
  return cells.map((line, row) =>
    line
      .map((cell, index) => {
        const text = pad(cutText(cell, widths[index] ?? 0), widths[index] ?? 0, shape[index]?.right === true);
        // The colour goes around the word alone, so that what is trimmed at the line's end is still only space.
        return colors && row > 0 && shape[index]?.state === true
          ? text.replace(cell, tinted(cell, toneOf(cell)))
          : text;
      })
      .join(gap)
      .trimEnd(),
  );
}

/** Takes from the widest column, one at a time, until the sum fits or every column is at its least. */
function fit(wanted: readonly number[], total: number): number[] {
  const widths = [...wanted];
  for (let sum = widths.reduce((left, right) => left + right, 0); sum > total; sum -= 1) {
    const widest = widths.indexOf(Math.max(...widths));
    const width = widths[widest] ?? 0;
    if (width <= columnWidthMin) break;
    widths[widest] = width - 1;
  }
  return widths;
}

function pad(text: string, width: number, right: boolean): string {
  const space = " ".repeat(Math.max(0, width - textWidth(text)));
  return right ? space + text : text + space;
}

const STATE_FACTS: ReadonlySet<string> = new Set(["Status", "Duty", "Is", "Outcome", "Severity", "State"]);

/** The lines of a list of facts: "Name  value", values below each other; facts without a value are left out. */
export function factLines(facts: readonly (readonly [name: string, value: string])[], colors = false): string[] {
  const shown = facts.filter(([, value]) => value !== "");
  const width = Math.max(0, ...shown.map(([name]) => textWidth(name)));
  return shown.map(([name, value]) => {
    const text = plainText(value);
    return `${pad(name, width, false)}${gap}${colors && STATE_FACTS.has(name) ? tinted(text, toneOf(text)) : text}`;
  });
}
