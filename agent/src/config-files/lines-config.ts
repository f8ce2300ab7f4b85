import { type ConfigChange, valueText } from "./config-value.ts";

/** Puts whole lines in the place of those that begin with what is looked for; of several the longest counts. */
export function editLines(text: string, changes: readonly ConfigChange[]): string {
  const longestFirst = [...changes].sort((left, right) => right.match.length - left.match.length);
  return text
    .split("\n")
    .map((line) => {
      const change = longestFirst.find(({ match }) => line.startsWith(match));
      if (change === undefined) return line;
      return valueText(change.value) + (line.endsWith("\r") ? "\r" : "");
    })
    .join("\n");
}
