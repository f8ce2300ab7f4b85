import { WISHES, type Wish } from "../fleet/operator.ts";
import type { SeededRandom } from "../random/seeded-random.ts";
import { FAULT_KINDS, type Fault, type FaultKind } from "./fault.ts";

export type PlanOptions = {
  readonly fromMs: number;
  readonly untilMs: number;
  /** Kinds that may be drawn. */
  readonly kinds: readonly FaultKind[];
};

/** Mean pause between two faults; each run draws its own. */
const PAUSE_MIN_MS = 700;
const PAUSE_MAX_MS = 6_000;
const LASTS_MIN_MS = 100;
const LASTS_MAX_MS = 30_000;
const PICKS = 1_000;

/**
 * Draws the schedule of a run. Each run draws a theme first: which kinds of faults it has and how often each comes, so that
 * what is rare together with everything is common together with little.
 */
export function faultPlan(random: SeededRandom, options: PlanOptions): Fault[] {
  const theme = drawTheme(random, options.kinds);
  const pauseMs = random.logBetween(PAUSE_MIN_MS, PAUSE_MAX_MS);
  const faults: Fault[] = [];
  let atMs = options.fromMs;
  for (;;) {
    // Exponential pauses: faults come in clusters.
    atMs += -Math.log(1 - random.next()) * pauseMs;
    if (atMs >= options.untilMs) return faults;
    const kind = drawKind(random, theme);
    const drawn = { atMs, kind, pick: random.below(PICKS), severity: random.next() };
    const lastsMs = Math.min(random.logBetween(LASTS_MIN_MS, LASTS_MAX_MS), options.untilMs - atMs);
    faults.push(kind === "wish" ? { ...drawn, lastsMs, wish: drawWish(random) } : { ...drawn, lastsMs });
  }
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

function drawWish(random: SeededRandom): Wish {
  return random.oneOf(WISHES) ?? "create";
}
