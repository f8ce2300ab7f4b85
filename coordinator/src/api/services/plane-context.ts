import type { HandlerContext } from "@connectrpc/connect";
import type { AgentLink } from "../../runtime/agent-link.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { ClusterWishes } from "../../runtime/cluster-wishes.ts";
import type { CoordinatorStatus, Operations } from "../../runtime/operations.ts";
import type { OperatorWishes } from "../../runtime/operator-wishes.ts";
import type { WhatIfBoard } from "../../runtime/what-if-board.ts";
import type { DatabaseOrm } from "../../store/open-database.ts";
import { readSnapshot, type Snapshot } from "../../store/read-model/snapshot.ts";
import { callerKey } from "../call-context.ts";
import { type LiveNodes, liveById } from "../views/node-view.ts";

/** Makes a one-time join token for a cluster; `token` is shown this once. */
export type CreateJoinToken = (
  clusterId: string,
  createdBy: string,
) => Promise<{ readonly token: string; readonly expiresAt: Date; readonly coordinatorAddress: string }>;

/** What the services act on. */
export type PlaneContext = {
  readonly orm: DatabaseOrm;
  readonly operations: Operations;
  readonly operators: OperatorWishes;
  readonly whatIf: Pick<WhatIfBoard, "one" | "all">;
  readonly clusters: ClusterWishes;
  readonly status: CoordinatorStatus;
  readonly link: Pick<AgentLink, "readLogs">;
  readonly createJoinToken: CreateJoinToken;
  readonly clock: Clock;
  readonly version: string;
  /** Fires when the plane stops; streams end then. */
  readonly stopping: AbortSignal;
};

/** Reads at one moment, with what memory knows of the nodes. */
export function read<T>(plane: PlaneContext, work: (snapshot: Snapshot, live: LiveNodes) => Promise<T>): Promise<T> {
  return readSnapshot(plane.orm, (snapshot) => work(snapshot, liveById(plane.status.liveNodes())));
}

/** Who asks, as it is recorded with the wish. */
export function requestedBy(context: HandlerContext): string {
  const caller = context.values.get(callerKey);
  if (caller === null) throw new Error(`${context.method.name} was reached without a caller`);
  return `${caller.kind}:${caller.name}`;
}

/** The entry that a lookup promised; it can only be missing when it was removed in between. */
export function found<T>(reading: T | null | undefined, gone: () => Error): T {
  if (reading === null || reading === undefined) throw gone();
  return reading;
}
