import type { Wish } from "../fleet/wish.ts";
import type { CueName } from "./cue.ts";

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
  "deafen node",
  "cut coordinators",
  "split network",
  "island",
  "cut coordinator from database",
  "lossy link",
  "slow link",
  "reset connections",
  "duplicate heartbeats",
  "late commands",
  "repeat commands",
  "hold up commands",
  "crash agent",
  "pause agent",
  "crash guard",
  "pause guard",
  "lose guard record",
  "power off",
  "leave",
  "stop engine",
  "slow engine",
  "restart engine",
  "slow registry",
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

/** What a node may suffer for good: the others must do without it. */
export const LASTING_KINDS = [
  "power off",
  "cut node",
  "cut node from coordinators",
  "deafen node",
] as const satisfies readonly FaultKind[];

/** One fault of a schedule: everything about it is chosen beforehand, so that leaving others out does not change it. */
export type Fault = {
  /** True time. */
  readonly atMs: number;
  readonly kind: FaultKind;
  /** Chooses among those it could befall. */
  readonly pick: number;
  /** How long it lasts, or until what died is back. */
  readonly lastsMs: number;
  /** It does not end with the others: what it has befallen is not whole again within this run. */
  readonly forGood?: boolean;
  /** From [0, 1): how bad it is, where that can be chosen. */
  readonly severity: number;
  /** From then on it waits for this moment of whom it is to befall, and comes in it. */
  readonly on?: CueName;
  readonly wish?: Wish;
};

/** A fault in a few words. */
export function faultText({ atMs, kind, pick, lastsMs, severity, on, wish, forGood }: Fault): string {
  const lasts = forGood ? "for good" : `lasts ${Math.round(lastsMs)} ms`;
  const what = wish === undefined ? `${kind}, ${lasts}` : `wish: ${wish}`;
  const when = on === undefined ? "" : ` at the next ${on}`;
  return `${(atMs / 1_000).toFixed(3)} s${when} ${what} (pick ${pick}, severity ${severity.toFixed(2)})`;
}
