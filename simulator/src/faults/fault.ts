import type { Wish } from "../fleet/wish.ts";

/** Everything that can go wrong, and what people wish for meanwhile. */
export const FAULT_KINDS = [
  "crash leader",
  "crash coordinator",
  "crash coordinators",
  "pause leader",
  "pause coordinator",
  "cut node",
  "cut node one way",
  "cut node from coordinator",
  "cut node from coordinators",
  "cut coordinators",
  "split network",
  "cut coordinator from database",
  "lossy link",
  "slow link",
  "reset connections",
  "duplicate heartbeats",
  "repeat commands",
  "hold up commands",
  "crash agent",
  "pause agent",
  "crash guard",
  "pause guard",
  "power off",
  "leave",
  "stop engine",
  "slow engine",
  "restart engine",
  "crash container",
  "slow disk",
  "freeze database",
  "slow database",
  "lose commits",
  "lose answers",
  "step wall clock",
  "change policy",
  "wish",
] as const;

/** Faults of coordinators, of the database and of the way between them. */
export const CONTROL_PLANE_KINDS: ReadonlySet<FaultKind> = new Set([
  "crash leader",
  "crash coordinator",
  "crash coordinators",
  "pause leader",
  "pause coordinator",
  "cut coordinator from database",
  "freeze database",
  "slow database",
  "lose commits",
  "lose answers",
]);

/** Faults of a node or of its connections that leave no mark on its processes or links. */
export const NODE_KINDS: ReadonlySet<FaultKind> = new Set(["reset connections", "leave", "power off"]);

export type FaultKind = (typeof FAULT_KINDS)[number];

/** One fault of a schedule: everything about it is chosen beforehand, so that leaving others out does not change it. */
export type Fault = {
  /** True time. */
  readonly atMs: number;
  readonly kind: FaultKind;
  /** Chooses among those it could befall. */
  readonly pick: number;
  /** How long it lasts, or until what died is back. */
  readonly lastsMs: number;
  /** From [0, 1): how bad it is, where that can be chosen. */
  readonly severity: number;
  readonly wish?: Wish;
};

/** A fault in a few words. */
export function faultText({ atMs, kind, pick, lastsMs, severity, wish }: Fault): string {
  const what = wish === undefined ? `${kind}, lasts ${Math.round(lastsMs)} ms` : `wish: ${wish}`;
  return `${(atMs / 1_000).toFixed(3)} s ${what} (pick ${pick}, severity ${severity.toFixed(2)})`;
}
