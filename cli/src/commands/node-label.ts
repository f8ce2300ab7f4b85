import { CliFailure } from "../cli-failure.ts";
import { exitCode } from "../exit-code.ts";

/** "zone=east" sets, "zone-" takes away. Throws CliFailure for anything else, and for a key that is named twice. */
export function labelChange(given: readonly string[]): { setLabels: Record<string, string>; removeLabels: string[] } {
  const set = new Map<string, string>();
  const removed = new Set<string>();
  for (const text of given) {
    const at = text.indexOf("=");
    const key = at >= 0 ? text.slice(0, at) : text.endsWith("-") ? text.slice(0, -1) : "";
    if (key === "") {
      throw new CliFailure(
        exitCode.usage,
        `--label ${text}: neither KEY=VALUE nor KEY-`,
        "--label zone=east, --label zone-",
      );
    }
    if (set.has(key) || removed.has(key)) {
      throw new CliFailure(exitCode.usage, `--label ${text}: ${key} is named twice`, "name each label once");
    }
    if (at >= 0) set.set(key, text.slice(at + 1));
    else removed.add(key);
  }
  return { setLabels: Object.fromEntries(set), removeLabels: [...removed] };
}

/** "disk=nvme, zone=east", by name; empty for none. */
export function labelsText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${value}`)
    .join(", ");
}
