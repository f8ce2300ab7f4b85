import type { HandlerContext } from "@connectrpc/connect";
import type { People } from "../../identity/people.ts";
import type { Sessions } from "../../identity/sessions.ts";
import type { AgentLink } from "../../runtime/agent-link.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { ClusterWishes } from "../../runtime/cluster-wishes.ts";
import type { Foretell } from "../../runtime/foretell.ts";
import type { CoordinatorStatus, Operations } from "../../runtime/operations.ts";
import type { OperatorWishes } from "../../runtime/operator-wishes.ts";
import type { WhatIfBoard } from "../../runtime/what-if-board.ts";
import type { Keyring } from "../../secrets/keyring.ts";
import type { ApiTokenStore } from "../../store/api-token-store.ts";
import type { GrantStore } from "../../store/grant-store.ts";
import type { DatabaseOrm } from "../../store/open-database.ts";
import { readSnapshot, type Snapshot } from "../../store/read-model/snapshot.ts";
import type { RoleStore } from "../../store/role-store.ts";
import type { UsageBoard } from "../../usage/usage-board.ts";
import { type Caller, callerKey } from "../call-context.ts";
import { type LiveNodes, liveNodes } from "../views/node-view.ts";

/** Makes a one-time join token for a cluster; `token` is shown this once. Who claims one that needs approval waits for it. */
export type CreateJoinToken = (
  clusterId: string,
  createdBy: string,
  needsApproval: boolean,
) => Promise<{ readonly token: string; readonly expiresAt: Date; readonly coordinatorAddress: string }>;

/** What the services act on. */
export type PlaneContext = {
  readonly orm: DatabaseOrm;
  readonly keyring: Keyring;
  readonly operations: Operations;
  readonly operators: OperatorWishes;
  readonly whatIf: Pick<WhatIfBoard, "one" | "all">;
  readonly clusters: ClusterWishes;
  readonly foretell: Foretell;
  readonly status: CoordinatorStatus;
  readonly link: Pick<AgentLink, "readLogs" | "sendInput" | "readTerminal" | "resizeTerminal">;
  readonly usage: Pick<UsageBoard, "latest" | "watch">;
  readonly createJoinToken: CreateJoinToken;
  readonly tokens: ApiTokenStore;
  readonly grants: GrantStore;
  readonly roles: RoleStore;
  readonly people: People;
  readonly sessions: Sessions;
  /** Lets nobody be believed any longer without another look. */
  readonly forgetIdentities: () => void;
  readonly clock: Clock;
  readonly version: string;
  /** Fires when the plane stops; streams end then. */
  readonly stopping: AbortSignal;
};

/** Reads at one moment, with what memory knows of the nodes. */
export function read<T>(plane: PlaneContext, work: (snapshot: Snapshot, live: LiveNodes) => Promise<T>): Promise<T> {
  return readSnapshot(plane.orm, (snapshot) => work(snapshot, liveNodes(plane.status)));
}

/** For what is read in one statement, which sees one moment by itself. */
export function oneLook(plane: PlaneContext): Snapshot["em"] {
  return plane.orm.em.fork();
}

/** Who asks. */
export function callerOf(context: HandlerContext): Caller {
  const caller = context.values.get(callerKey);
  if (caller === null) throw new Error(`${context.method.name} was reached without a caller`);
  return caller;
}

/** Who asks, as it is recorded with the wish. */
export function requestedBy(context: HandlerContext): string {
  const { kind, name } = callerOf(context);
  return `${kind}:${name}`;
}

/** The entry that a lookup promised; it can only be missing when it was removed in between. */
export function found<T>(reading: T | null | undefined, gone: () => Error): T {
  if (reading === null || reading === undefined) throw gone();
  return reading;
}
