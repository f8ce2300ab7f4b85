/** A fault that the campaign may draw, and for how long it may last. */
export type ChaosFault = {
  /** As in NAMED_FAULTS. */
  readonly name: string;
  readonly on: "node" | "control";
  /** Seconds until it is undone, from one to the other. */
  readonly lastsS: readonly [number, number];
  /** How much more often than the others it is drawn; 1 when absent. */
  readonly weight?: number;
};

/**
 * Everything that the campaign does to hosts. Left out is what fencing.md excludes: a whole host that is frozen and thawed, and
 * guard and agent of one host both held; and clocks, which need a lab of their own.
 */
export const CHAOS_FAULTS: readonly ChaosFault[] = [
  { name: "power-off", on: "node", lastsS: [2, 25], weight: 3 },
  { name: "cut", on: "node", lastsS: [2, 25], weight: 3 },
  { name: "cut-in", on: "node", lastsS: [2, 20] },
  { name: "cut-out", on: "node", lastsS: [2, 20] },
  { name: "lossy", on: "node", lastsS: [5, 20] },
  { name: "slow", on: "node", lastsS: [3, 10] },
  { name: "dockerd-kill", on: "node", lastsS: [1, 15] },
  { name: "dockerd-stop", on: "node", lastsS: [1, 12] },
  { name: "dockerd-restart", on: "node", lastsS: [0, 1] },
  { name: "agent-kill", on: "node", lastsS: [0, 3] },
  { name: "agent-stop", on: "node", lastsS: [1, 12] },
  { name: "guard-kill", on: "node", lastsS: [0, 3] },
  { name: "guard-stop", on: "node", lastsS: [1, 8] },
  { name: "power-off", on: "control", lastsS: [1, 20] },
  { name: "cut", on: "control", lastsS: [1, 20] },
  { name: "coordinator-kill", on: "control", lastsS: [0, 15], weight: 2 },
  { name: "coordinator-stop", on: "control", lastsS: [1, 25] },
  { name: "postgres-kill", on: "control", lastsS: [0, 5] },
  { name: "postgres-stop", on: "control", lastsS: [1, 12] },
  { name: "fill-disk", on: "control", lastsS: [1, 8] },
];
