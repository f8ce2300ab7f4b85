/** A time in which a copy ran without a pause, boot time in milliseconds. */
export type Run = { readonly fromMs: number; readonly untilMs: number };

/** One copy of a container, told by its own process. */
export type Copy = {
  readonly container: string;
  readonly epoch: number;
  readonly host: string;
  /** Of the engine's container: a copy that is started again in place is another one. */
  readonly id: string;
  /** At least one, in order. */
  readonly runs: readonly Run[];
};

/** A time in which two copies of one container ran. */
export type Overlap = { readonly ms: number; readonly fromMs: number; readonly copies: readonly [Copy, Copy] };

/** A time in which none ran. */
export type Gap = { readonly ms: number; readonly fromMs: number };

/** Beats further apart than this are two runs: the copy was frozen in between, or its host was. */
export const PAUSE_MS = 1_000;
/** Beats are counted in steps of this. */
const CLOCK_STEP_MS = 10;

/** The runs that a copy's beats tell of. */
export function runsOf(beatsMs: readonly number[]): Run[] {
  const runs: Run[] = [];
  for (const beatMs of [...beatsMs].sort((a, b) => a - b)) {
    const last = runs.at(-1);
    if (last && beatMs - last.untilMs <= PAUSE_MS) runs[runs.length - 1] = { ...last, untilMs: beatMs };
    else runs.push({ fromMs: beatMs, untilMs: beatMs });
  }
  return runs;
}

/** Every overlap of two copies; one beat of a copy within the run of another counts as one step of the clock. */
export function overlapsOf(copies: readonly Copy[]): Overlap[] {
  const found: Overlap[] = [];
  for (const [index, one] of copies.entries()) {
    for (const other of copies.slice(index + 1)) {
      for (const run of one.runs) {
        for (const against of other.runs) {
          const fromMs = Math.max(run.fromMs, against.fromMs);
          const ms = Math.min(run.untilMs, against.untilMs) - fromMs;
          const inside = ms === 0 && (isInside(fromMs, run) || isInside(fromMs, against));
          if (ms > 0 || inside) found.push({ ms: Math.max(ms, CLOCK_STEP_MS), fromMs, copies: [one, other] });
        }
      }
    }
  }
  return found.sort((a, b) => a.fromMs - b.fromMs);
}

/** The times between the runs of all copies together. */
export function gapsBetween(copies: readonly Copy[]): Gap[] {
  const runs = copies.flatMap((copy) => copy.runs).sort((a, b) => a.fromMs - b.fromMs);
  const gaps: Gap[] = [];
  let untilMs = runs[0]?.untilMs ?? 0;
  for (const run of runs) {
    if (run.fromMs > untilMs) gaps.push({ ms: run.fromMs - untilMs, fromMs: untilMs });
    untilMs = Math.max(untilMs, run.untilMs);
  }
  return gaps;
}

function isInside(momentMs: number, { fromMs, untilMs }: Run): boolean {
  return fromMs < momentMs && momentMs < untilMs;
}
