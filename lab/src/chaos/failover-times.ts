import type { Copy } from "../witness/copy-runs.ts";
import type { Injury } from "./injury.ts";

/** A container that the product moved by itself because its node was gone. */
export type Moved = {
  readonly container: string;
  readonly from: string;
  /** When its migration began: boot time in milliseconds. */
  readonly begunMs: number;
};

/** How long after the fault the container ran again elsewhere. */
export type FailoverTime = { readonly container: string; readonly fault: string; readonly tookMs: number };

/** Faults that take a node away from one moment to the next, so that the bound counts from there. */
export const SUDDEN: ReadonlySet<string> = new Set(["power-off", "cut"]);
/** So long before the fault nothing else may have happened: what is not whole yet is outside the bound. */
export const CALM_MS = 15_000;

/**
 * Failovers that the shown bound is about: the node went at once, and nothing else was or had just been wrong, from CALM_MS before
 * the fault until the container ran again. What came about in the middle of several faults is left out.
 */
export function failoverTimes(
  injuries: readonly Injury[],
  moves: readonly Moved[],
  copiesOf: (container: string) => readonly Copy[],
): FailoverTime[] {
  return moves.flatMap(({ container, from, begunMs }): FailoverTime[] => {
    const injury = injuries
      .filter(({ host, fault, fromMs }) => host === from && SUDDEN.has(fault) && fromMs <= begunMs)
      .reduce<Injury | null>((latest, one) => (latest && latest.fromMs > one.fromMs ? latest : one), null);
    if (!injury) return [];
    const copies = copiesOf(container);
    const ranThere = copies.some(
      ({ host, runs }) =>
        host === from && runs.some(({ fromMs, untilMs }) => fromMs < injury.fromMs && untilMs >= injury.fromMs - 500),
    );
    const next = copies
      .filter(({ host, runs }) => host !== from && (runs[0]?.fromMs ?? 0) > injury.fromMs)
      .map(({ runs }) => runs[0]?.fromMs ?? 0)
      .sort((a, b) => a - b)[0];
    if (!ranThere || next === undefined) return [];
    const disturbed = injuries.some(
      (other) => other !== injury && other.fromMs < next && other.untilMs > injury.fromMs - CALM_MS,
    );
    return disturbed ? [] : [{ container, fault: injury.fault, tookMs: next - injury.fromMs }];
  });
}
