import type { FailoverTime } from "./failover-times.ts";

/** What a campaign has counted: the figures of the promises, by their numbers. */
export type ChaosFigures = {
  readonly faults: number;
  readonly containers: number;
  /** 1: copies that ran, and times in which two of one container ran. The control's must be seen. */
  readonly copies: number;
  readonly overlapsMs: readonly number[];
  readonly controlOverlapMs: number;
  /** 2: calls by what became of them, and what was acknowledged and is not so. */
  readonly acknowledged: number;
  readonly refused: number;
  readonly unanswered: number;
  readonly lost: readonly string[];
  /** 3: how long each migration took that has ended, and those that have not. */
  readonly migrationsMs: readonly number[];
  readonly stuck: readonly string[];
  /** 7 */
  readonly failovers: readonly FailoverTime[];
  readonly boundMs: number;
  readonly nodeHours: number;
  /** 7 and 8: nodes declared dead that nothing had befallen. */
  readonly falseDeaths: readonly string[];
  readonly coordinatorFaults: number;
  /** 9 */
  readonly events: number;
  readonly streamsBroken: number;
  readonly relisted: number;
  readonly eventViolations: readonly string[];
  /** 10 */
  readonly looks: number;
  readonly exceeded: readonly string[];
  /** In the end; empty when everything is as it should be. */
  readonly unsettled: string;
};

/** Below this many calls a minute the campaign has tried nothing. */
const CALLS_A_MINUTE = 10;

/** What was broken, in sentences; empty when every promise was kept. */
export function brokenPromises(figures: ChaosFigures, minutes: number): string[] {
  const late = figures.failovers.filter(({ tookMs }) => tookMs > figures.boundMs);
  const broken: (string | false)[] = [
    figures.controlOverlapMs === 0 && "the witness saw no overlap in the control experiment: its silence means nothing",
    figures.overlapsMs.length > 0 && `1: two copies ran at once, ${figures.overlapsMs.length} times`,
    figures.lost.length > 0 && `2: acknowledged and lost: ${figures.lost.join(", ")}`,
    figures.stuck.length > 0 && `3: migrations that have not ended: ${figures.stuck.join(", ")}`,
    late.length > 0 && `7: later than ${figures.boundMs} ms: ${late.map(lateText).join(", ")}`,
    figures.falseDeaths.length > 0 && `7, 8: declared dead without a reason: ${figures.falseDeaths.join(", ")}`,
    figures.eventViolations.length > 0 && `9: events out of order: ${figures.eventViolations.join(", ")}`,
    figures.exceeded.length > 0 && `10: more promised than there is: ${figures.exceeded.join(", ")}`,
    figures.unsettled !== "" && `3: the fleet does not settle: ${figures.unsettled}`,
    figures.acknowledged < minutes * CALLS_A_MINUTE &&
      `too little was tried: ${figures.acknowledged} calls acknowledged`,
    figures.events === 0 && "9: no event was read",
    figures.looks === 0 && "10: nobody could look at the room of nodes",
  ];
  return broken.filter((one) => one !== false);
}

/** The table of a campaign, in lines. */
export function chaosTable(figures: ChaosFigures): string[] {
  const failoverMs = figures.failovers.map(({ tookMs }) => tookMs);
  const row = (number: string, promise: string, figure: string) => `${number.padEnd(4)}${promise.padEnd(46)}${figure}`;
  return [
    row("", "promise", "figure"),
    row(
      "1",
      "at most one copy",
      `${figures.overlapsMs.length} overlaps in ${figures.copies} copies, longest ${Math.max(0, ...figures.overlapsMs)} ms (control: ${figures.controlOverlapMs} ms)`,
    ),
    row(
      "2",
      "nothing acknowledged is lost",
      `${figures.lost.length} of ${figures.acknowledged} (${figures.refused} refused, ${figures.unanswered} without an answer)`,
    ),
    row(
      "3",
      "migrations end",
      `${figures.migrationsMs.length} ended, p50 ${seconds(figures.migrationsMs, 0.5)}, p99 ${seconds(figures.migrationsMs, 0.99)}, longest ${seconds(figures.migrationsMs, 1)}; ${figures.stuck.length} stuck`,
    ),
    row(
      "7",
      "failover within the bound",
      `${failoverMs.length} undisturbed, p50 ${seconds(failoverMs, 0.5)}, longest ${seconds(failoverMs, 1)}, bound ${(figures.boundMs / 1_000).toFixed(1)} s`,
    ),
    row("7", "no false failover", `${figures.falseDeaths.length} in ${figures.nodeHours.toFixed(2)} node-hours`),
    row(
      "8",
      "a coordinator's absence marks nobody down",
      `${figures.falseDeaths.length} false, ${figures.coordinatorFaults} faults of the control plane`,
    ),
    row(
      "9",
      "events without gap or disorder",
      `${figures.eventViolations.length} in ${figures.events} events over ${figures.streamsBroken} broken streams, ${figures.relisted} times told to list again`,
    ),
    row("10", "never more promised than there is", `${figures.exceeded.length} in ${figures.looks} looks`),
    "",
    `${figures.faults} faults, ${figures.containers} containers`,
  ];
}

/** The value below which this share lies; "-" of nothing. */
function seconds(valuesMs: readonly number[], share: number): string {
  const sorted = [...valuesMs].sort((a, b) => a - b);
  const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  return value === undefined ? "-" : `${(value / 1_000).toFixed(1)} s`;
}

function lateText({ container, fault, tookMs }: FailoverTime): string {
  return `${container} after ${fault}: ${tookMs} ms`;
}
