/** How a word is meant; a terminal shows it as a colour. */
export type Tone = "good" | "warning" | "bad" | "faint";
export type ColorWhen = "auto" | "always" | "never";

const CODES: Readonly<Record<Tone, number>> = { good: 32, warning: 33, bad: 31, faint: 2 };

/**
 * Whether output has colours: as `--color` says; by itself on a terminal that knows them, unless NO_COLOR is set to
 * anything (https://no-color.org).
 */
export function hasColors(when: ColorWhen, env: NodeJS.ProcessEnv, onTerminal: boolean): boolean {
  if (when !== "auto") return when === "always";
  return onTerminal && (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb";
}

/** The text in the tone's colour. */
export function tinted(text: string, tone: Tone | undefined): string {
  return tone === undefined || text === "" ? text : `\u001b[${CODES[tone]}m${text}\u001b[0m`;
}

const TONES: Readonly<Record<string, Tone>> = {
  ...Object.fromEntries(["healthy", "running", "completed", "holds"].map((word) => [word, "good"])),
  ...Object.fromEntries(
    ["unhealthy", "starting", "stopping", "migrating", "removing", "draining", "rejoining", "pending", "warning"].map(
      (word) => [word, "warning"],
    ),
  ),
  ...Object.fromEntries(
    ["dead", "failed", "crashed", "unknown", "unplaced", "critical", "lost", "suspended"].map((word) => [word, "bad"]),
  ),
  ...Object.fromEntries(["stopped", "cancelled", "resolved"].map((word) => [word, "faint"])),
};

/** What a word for a state means; undefined for one that says nothing of good or bad. */
export function toneOf(word: string): Tone | undefined {
  return Object.hasOwn(TONES, word) ? TONES[word] : undefined;
}
