/** A tab holds no more rows of one list; whoever needs more narrows the filter. */
export const ROWS_MAX = 5_000;

/** What is beyond the rows so far: more to load, more than a tab holds, or nothing. `next` is the token of the next page. */
export function beyond(rows: number, next: string): "more" | "too_many" | "nothing" {
  if (next === "") return "nothing";
  return rows < ROWS_MAX ? "more" : "too_many";
}
