import { type EggChange, type EggFinding, EggFindingLevel } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { type Column, tableLines } from "../output/table.ts";

const LEVELS: Readonly<Record<EggFindingLevel, string>> = {
  [EggFindingLevel.UNSPECIFIED]: "",
  [EggFindingLevel.NOTE]: "note",
  [EggFindingLevel.NOT_USED]: "not used",
  [EggFindingLevel.WARNING]: "warning",
  [EggFindingLevel.ERROR]: "error",
};

const findings: Column<EggFinding>[] = [
  { title: "LEVEL", value: ({ level }) => LEVELS[level] ?? "" },
  { title: "WHERE", value: ({ path }) => path || "-" },
  { title: "FINDING", value: ({ message }) => message },
];

const changes: Column<EggChange>[] = [
  { title: "FIELD", value: ({ path }) => path },
  { title: "NOW", value: ({ before }) => before ?? "-" },
  { title: "AFTERWARDS", value: ({ after }) => after ?? "-" },
];

/** What should be known of an egg, as a table; nothing where there is nothing. */
export function findingLines(list: readonly EggFinding[], columns: number | undefined): string[] {
  return list.length === 0 ? [] : tableLines(findings, list, columns);
}

/** What of an egg has changed, or would, as a table, and how much more that is not in it; nothing where nothing has. */
export function changeLines(
  answer: { readonly changes: readonly EggChange[]; readonly changesTotal: number },
  columns: number | undefined,
): string[] {
  if (answer.changes.length === 0) return [];
  const more = answer.changesTotal - answer.changes.length;
  return [
    ...tableLines(changes, answer.changes, columns),
    ...(more > 0 ? [`and ${more} more that are not shown`] : []),
  ];
}
