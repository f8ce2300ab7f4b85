import type { SeededRandom } from "@lormas/chance/seeded-random.ts";
import type { LeasePolicy } from "@lormas/lease/lease-policy.ts";
import { WISHES } from "../fleet/wish.ts";
import { FAULT_KINDS, type Fault, type FaultKind, LASTING_KINDS } from "./fault.ts";
import { drawScene, type SceneName } from "./scene.ts";

export type PlanOptions = {
  readonly fromMs: number;
  readonly untilMs: number;
  /** Kinds that may be drawn. */
  readonly kinds: readonly FaultKind[];
  /** These scenes alone, one after another; null: what the run's theme says. */
  readonly scenes: readonly SceneName[] | null;
  /** One of these befalls a node for good; null: in some runs something does. */
  readonly lasting: readonly FaultKind[] | null;
  readonly policy: LeasePolicy;
};

/** Mean pause between two faults; each run draws its own. */
const PAUSE_MIN_MS = 700;
const PAUSE_MAX_MS = 8_000;
const LASTS_MIN_MS = 100;
const LASTS_MAX_MS = 30_000;
const PICKS = 1_000;
/** Of runs: scenes alone, scenes among single faults; the rest has no scenes. */
const SCENES_ALONE = 0.35;
const SCENES_AMONG = 0.35;
/** Of runs: those in which one node suffers something for good. */
const FOR_GOOD = 0.15;
/** From one scene's beginning to the next one's, in leases. */
const SCENE_PAUSE = [2, 8] as const;
/** The same from one scene's end, where scenes that were asked for follow each other without mixing. */
const CALM_PAUSE = [0.5, 2] as const;

/**
 * Draws the schedule of a run. Each run draws a theme first: which kinds of faults it has and how often each comes, so that
 * what is rare together with everything is common together with little; and whether there are scenes, and whether alone.
 */
export function faultPlan(random: SeededRandom, options: PlanOptions): Fault[] {
  const kind = random.next();
  const { untilMs, scenes: wanted, lasting } = options;
  const faults = [
    ...(wanted || kind < SCENES_ALONE ? [] : singleFaults(random, options)),
    ...(wanted || kind < SCENES_ALONE + SCENES_AMONG ? scenes(random, options) : []),
  ];
  return faults
    .filter(({ atMs }) => atMs < untilMs)
    .map((fault) => ({ ...fault, lastsMs: Math.min(fault.lastsMs, untilMs - fault.atMs) }))
    .concat(forGood(random, options, lasting ?? (wanted === null && random.chance(FOR_GOOD) ? LASTING_KINDS : [])))
    .sort((a, b) => a.atMs - b.atMs);
}

/** At most one: with more the others might be no majority. */
function forGood(random: SeededRandom, { fromMs, untilMs, kinds }: PlanOptions, of: readonly FaultKind[]): Fault[] {
  const kind = random.oneOf(of.filter((one) => kinds.includes(one)));
  if (kind === undefined) return [];
  const atMs = random.between(fromMs, untilMs);
  const lastsMs = Number.POSITIVE_INFINITY;
  return [{ atMs, kind, pick: random.below(PICKS), lastsMs, severity: random.next(), forGood: true }];
}

function scenes(random: SeededRandom, { fromMs, untilMs, policy, kinds, scenes }: PlanOptions): Fault[] {
  const faults: Fault[] = [];
  const [least, most] = scenes ? CALM_PAUSE : SCENE_PAUSE;
  for (let atMs = fromMs; atMs < untilMs; ) {
    const scene = drawScene(random, atMs, policy, kinds, scenes);
    faults.push(...scene);
    const overMs = scenes ? Math.max(atMs, ...scene.map((fault) => fault.atMs + fault.lastsMs)) : atMs;
    atMs = overMs + random.between(least, most) * policy.leaseMs;
  }
  return faults;
}

function singleFaults(random: SeededRandom, { fromMs, untilMs, kinds }: PlanOptions): Fault[] {
  const theme = drawTheme(random, kinds);
  const pauseMs = random.logBetween(PAUSE_MIN_MS, PAUSE_MAX_MS);
  const faults: Fault[] = [];
  for (let atMs = fromMs; atMs < untilMs; ) {
    const kind = drawKind(random, theme);
    const lastsMs = random.logBetween(LASTS_MIN_MS, LASTS_MAX_MS);
    const drawn = { atMs, kind, pick: random.below(PICKS), severity: random.next(), lastsMs };
    const wish = random.oneOf(WISHES) ?? "create";
    faults.push(kind === "wish" ? { ...drawn, wish } : drawn);
    // Exponential pauses: faults come in clusters.
    atMs += -Math.log(1 - random.next()) * pauseMs;
  }
  return faults;
}

type Theme = readonly { readonly kind: FaultKind; readonly weight: number }[];

function drawTheme(random: SeededRandom, kinds: readonly FaultKind[]): Theme {
  const share = random.between(0.1, 0.8);
  const theme = kinds.flatMap((kind) =>
    random.chance(kind === "wish" ? 0.8 : share) ? [{ kind, weight: random.logBetween(0.1, 10) }] : [],
  );
  return theme.length > 0 ? theme : [{ kind: random.oneOf(kinds) ?? FAULT_KINDS[0], weight: 1 }];
}

function drawKind(random: SeededRandom, theme: Theme): FaultKind {
  let left = random.next() * theme.reduce((sum, { weight }) => sum + weight, 0);
  for (const { kind, weight } of theme) {
    left -= weight;
    if (left < 0) return kind;
  }
  return theme[0]?.kind ?? FAULT_KINDS[0];
}
