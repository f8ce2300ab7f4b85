import { noCounts, RUN_COUNTS, type RunCounts } from "../fleet/run-counts.ts";
import type { SeedResult } from "./seed-result.ts";

const SHARES = [0.5, 0.99, 1] as const;

/** What a batch adds up to. */
export class BatchTally {
  readonly counts: RunCounts = noCounts();
  readonly faults = new Map<string, number>();
  readonly violations: SeedResult[] = [];
  seeds = 0;
  simulatedMs = 0;
  events = 0;
  readonly #healedMs: number[] = [];

  add(result: SeedResult): void {
    this.seeds += 1;
    this.simulatedMs += result.simulatedMs;
    this.events += result.events;
    for (const name of RUN_COUNTS) this.counts[name] += result.counts[name];
    for (const [kind, count] of Object.entries(result.faults)) {
      this.faults.set(kind, (this.faults.get(kind) ?? 0) + count);
    }
    if (result.violation === null) this.#healedMs.push(result.healedMs);
    else this.violations.push(result);
  }

  /** The table of a batch that took so much machine time. */
  table(tookMs: number): string {
    const hours = this.simulatedMs / 3_600_000;
    const healed = this.#healedMs.sort((a, b) => a - b);
    const at = (share: number): number => healed[Math.min(healed.length - 1, Math.floor(share * healed.length))] ?? 0;
    const lines: [string, string][] = [
      ["seeds", String(this.seeds)],
      ["cluster-hours", hours.toFixed(2)],
      ["events", String(this.events)],
      ...RUN_COUNTS.map((name): [string, string] => [name, String(this.counts[name])]),
      ...[...this.faults].map(([kind, count]): [string, string] => [`fault: ${kind}`, String(count)]),
      ["at rest after (p50, p99, max)", SHARES.map((share) => `${(at(share) / 1_000).toFixed(0)} s`).join(", ")],
      ["violations", String(this.violations.length)],
      ["speed", `${((hours * 60_000) / tookMs).toFixed(1)} cluster-hours a minute`],
    ];
    const width = Math.max(...lines.map(([name]) => name.length));
    return lines.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join("\n");
  }
}
