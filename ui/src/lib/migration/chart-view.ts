import { type Migration, MigrationOutcome } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { formatSpan, toMs } from "../format/time.ts";
import { type ChartState, knownWays, outerStates, substates } from "./chart-layout.ts";

/** How one state stands in one migration. */
export type ChartStateView = {
  readonly state: ChartState;
  /** The state in which the migration is now, or in which it ended. */
  readonly lit: boolean;
  readonly visited: boolean;
  /** Milliseconds spent in it, all visits together; null when never visited or of no length (the outer states). */
  readonly spentMs: number | null;
  /** `spentMs` with its unit; empty when there is none. */
  readonly spent: string;
};

/** One arrow. */
export type ChartWay = {
  readonly from: ChartState;
  readonly to: ChartState;
  /** True when this migration took it. */
  readonly taken: boolean;
};

/** What a chart shows of a migration. */
export type ChartView = {
  readonly states: readonly ChartStateView[];
  readonly ways: readonly ChartWay[];
  /** One sentence for those who do not see the chart. */
  readonly sentence: string;
};

const isChartState = (name: string): name is ChartState =>
  (substates as readonly string[]).includes(name) || (outerStates as readonly string[]).includes(name);

/** Draws a migration on the chart; undefined lights "idle". States that the chart does not know are left out. */
export function chartView(migration: Migration | undefined, nowMs: number): ChartView {
  const trail = trailOf(migration);
  const current: ChartState | undefined =
    migration === undefined ? "idle" : isChartState(migration.state) ? migration.state : trail.at(-1);
  const spent = spentByState(migration, nowMs);
  const states = [...substates, ...outerStates].map((state): ChartStateView => {
    const spentMs = spent.get(state) ?? null;
    return {
      state,
      lit: state === current,
      visited: trail.includes(state),
      spentMs,
      spent: spentMs === null ? "" : formatSpan(spentMs),
    };
  });
  const takenKeys = new Set<string>();
  const ways: ChartWay[] = [];
  for (let index = 1; index < trail.length; index += 1) {
    const from = trail[index - 1];
    const to = trail[index];
    if (from === undefined || to === undefined || from === to || takenKeys.has(`${from}>${to}`)) continue;
    takenKeys.add(`${from}>${to}`);
    ways.push({ from, to, taken: true });
  }
  for (const [from, to] of knownWays) {
    if (!takenKeys.has(`${from}>${to}`)) ways.unshift({ from, to, taken: false });
  }
  return { states, ways, sentence: sentenceOf(migration, current) };
}

/** The states in the order in which they were entered, from "idle" to the present one. */
function trailOf(migration: Migration | undefined): ChartState[] {
  if (migration === undefined) return ["idle"];
  const trail: ChartState[] = ["idle"];
  for (const { name } of migration.steps) if (isChartState(name) && name !== trail.at(-1)) trail.push(name);
  if (isChartState(migration.state) && migration.state !== trail.at(-1)) trail.push(migration.state);
  return trail;
}

function spentByState(migration: Migration | undefined, nowMs: number): Map<string, number> {
  const spent = new Map<string, number>();
  for (const { name, startedAt, endedAt } of migration?.steps ?? []) {
    const from = toMs(startedAt);
    if (from === undefined || (outerStates as readonly string[]).includes(name)) continue;
    const running = migration?.outcome === MigrationOutcome.RUNNING;
    const to = toMs(endedAt) ?? (running ? nowMs : (toMs(migration?.endedAt) ?? from));
    spent.set(name, (spent.get(name) ?? 0) + Math.max(0, to - from));
  }
  return spent;
}

function sentenceOf(migration: Migration | undefined, current: ChartState | undefined): string {
  if (migration === undefined) return "No migration is under way.";
  const state = (current ?? migration.state).replaceAll("_", " ");
  const to = migration.targetNodeName === "" ? "" : ` to ${migration.targetNodeName}`;
  return migration.outcome === MigrationOutcome.RUNNING
    ? `Moving ${migration.containerName} from ${migration.sourceNodeName}${to}: ${state}.`
    : `The migration of ${migration.containerName} from ${migration.sourceNodeName}${to}: ${state}.`;
}
