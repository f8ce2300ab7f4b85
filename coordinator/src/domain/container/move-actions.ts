import { moveRetryDelayMs } from "./command-budget.ts";
import { deadlineAfter } from "./container-context.ts";
import { containerSetup as s } from "./container-setup.ts";

// How the life region hands a container over to the migration region, and how it takes it back.

/** A migration for these reasons fails in the same way however often it is tried on the nodes that failed. */
const CANNOT_PASS = ["unsupported_runtime", "invalid_workload"];

export const beginAutomaticMove = s.raise(({ event }) => ({
  type: "MOVE_BEGIN" as const,
  at: event.at,
  trigger: "auto" as const,
  automatic: true,
  cause: event.type === "NODE_DEAD" ? `its node ${event.nodeName} is dead` : "its node is dead",
  targetNodeId: null,
  downSince: event.type === "NODE_DEAD" ? event.lastHeartbeatAt : event.at,
  sourceDead: true,
  excludedNodeIds: [],
}));

/** A person's wish. What runs, or may run, goes on until it is stopped; what does not is down already. */
const wishedMove = (mayServe: boolean) =>
  s.raise(({ context, event }) => ({
    type: "MOVE_BEGIN" as const,
    at: event.at,
    trigger: event.type === "MIGRATE" ? event.trigger : ("manual" as const),
    automatic: event.type === "MIGRATE" && event.autoMigrate,
    cause: event.type === "MIGRATE" ? event.trigger : "manual",
    targetNodeId: event.type === "MIGRATE" ? event.targetNodeId : null,
    forced: event.type === "MIGRATE" && event.forced === true,
    downSince: mayServe ? null : (context.retry?.downSince ?? event.at),
    sourceDead: context.placement?.nodeDead ?? false,
    excludedNodeIds: [],
  }));

export const beginWishedMove = wishedMove(true);
export const beginWishedMoveWhileDown = wishedMove(false);

/** Its node lives, but it does not run there for long. */
export const beginMoveAway = s.raise(({ context, event }) => ({
  type: "MOVE_BEGIN" as const,
  at: event.at,
  trigger: "auto" as const,
  automatic: true,
  cause: `it failed ${context.crashesHere} times on its node: ${context.reason}`,
  targetNodeId: null,
  downSince: event.at,
  sourceDead: false,
  excludedNodeIds: [],
}));

/** Tries the migration of a stranded container again: at once where room came, in time on every node. */
export const beginMoveAgain = s.raise(({ context, event }) => ({
  type: "MOVE_BEGIN" as const,
  at: event.at,
  trigger: "auto" as const,
  automatic: true,
  cause:
    event.type === "ROOM"
      ? "a node may take it now"
      : `its migration is tried again after ${context.retry?.failures ?? 0} failures`,
  targetNodeId: null,
  downSince: context.retry?.downSince ?? event.at,
  sourceDead: true,
  excludedNodeIds: event.type === "ROOM" ? (context.retry?.avoidNodeIds ?? []) : [],
}));

/** Arms the next try, unless only room can help: room is looked for in every decision that may have made some. */
export const noteStranded = s.enqueueActions(({ context, event, enqueue }) => {
  if (event.type !== "MOVE_NOWHERE") return;
  const { error, at, avoidNodeIds, downSince: since } = event;
  // What was called off while the source lived and then lost its source has not failed at all.
  const failures = error.code === "cancelled" ? 0 : (context.retry?.failures ?? 0) + 1;
  const delayMs = failures === 0 ? 0 : moveRetryDelayMs(failures);
  const byRoomOnly = error.code === "no_target" || CANNOT_PASS.includes(error.code);
  const next = byRoomOnly ? "it waits for a node that can take it" : `tried again in ${Math.round(delayMs / 1000)} s`;
  const reason = `${error.message}; ${next}`;
  enqueue.assign({
    reason,
    retry: { failures, avoidNodeIds, downSince: since },
    deadline: byRoomOnly ? null : deadlineAfter("move_again", at, delayMs),
  });
  enqueue({
    type: "effect",
    params: {
      kind: "event",
      type: "container.unplaced",
      severity: "warning",
      message: `${context.name}: ${reason}`,
      nodeId: context.placement?.nodeId ?? null,
    },
  });
});

/** Back at the source, it did not start there either: one more failure in a row. */
export const crashedAtSource = s.assign({
  restarts: ({ context }) => context.restarts + 1,
  crashesHere: ({ context }) => context.crashesHere + 1,
  reason: ({ context, event }) => (event.type === "MOVE_CRASHED_AT_SOURCE" ? event.error.message : context.reason),
});
