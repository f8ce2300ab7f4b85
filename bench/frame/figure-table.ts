import { type Row, ratioOf } from "./section.ts";

const HEAD = ["figure", "value", "unit", "reference", "ratio", ""] as const;
/** Columns of numbers, which end at one line. */
const RIGHT = new Set([1, 4]);

/** Rows as text, one a line, under a head. */
export function figureTable(rows: readonly Row[]): string {
  const cells = [HEAD, ...rows.map(cellsOf)];
  const widths = HEAD.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  return cells
    .map((row) =>
      row
        .map((cell, column) =>
          RIGHT.has(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
        )
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function cellsOf(row: Row): readonly string[] {
  const { figure, value, unit, reference, met } = row;
  const ratio = ratioOf(row);
  return [
    figure,
    shown(value),
    unit,
    reference === null ? "" : `${shown(reference.value)} ${reference.name}`,
    ratio === null ? "" : `${shown(ratio)} ×`,
    met === null ? "" : met ? "met" : "MISSED",
  ];
}

/** A number as people read it: three figures, and no more than there are. */
export function shown(value: number): string {
  if (!Number.isFinite(value)) return "never";
  const size = Math.abs(value);
  const digits = size === 0 || size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
  const [whole = "", fraction] = value.toFixed(digits).split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+(?!\d))/g, ",");
  const kept = fraction?.replace(/0+$/, "") ?? "";
  return kept === "" ? grouped : `${grouped}.${kept}`;
}
