/** Lines kept on a page; older ones go. */
export const logLinesMax = 2_000;
/** Characters of a line that are shown. */
export const logLineCharactersMax = 4_000;

/** One line of a container's output, ready to be shown. */
export type LogLine = {
  /** Counts up within the page, for keys. */
  readonly number: number;
  readonly atMs: number | undefined;
  readonly stream: string;
  readonly text: string;
};

/** The lines with more behind them, the oldest beyond the bound dropped. */
export function appendLines(lines: readonly LogLine[], more: readonly LogLine[]): readonly LogLine[] {
  if (more.length === 0) return lines;
  if (more.length >= logLinesMax) return more.slice(-logLinesMax);
  return [...lines.slice(-(logLinesMax - more.length)), ...more];
}

/** The lines that have the text somewhere, whatever the case of its letters; all of them when it is empty. */
export function linesWith(lines: readonly LogLine[], text: string): readonly LogLine[] {
  const wanted = text.trim().toLowerCase();
  return wanted === "" ? lines : lines.filter((line) => line.text.toLowerCase().includes(wanted));
}
