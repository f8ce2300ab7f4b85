import type { MoveError } from "../container/container-context.ts";
import { containerSetup as s } from "../container/container-setup.ts";

export const endCompleted = s.enqueueActions(({ context, event, enqueue }) => {
  const move = context.move;
  if (!move) return;
  const downtimeMs = move.downtimeMs ?? 0;
  enqueue.assign({ move: null, moveAwaited: null, moveDeadline: null });
  enqueue({
    type: "effect",
    params: {
      kind: "event",
      type: "migration.completed",
      severity: "info",
      message: `${context.name} runs on its new node after ${(downtimeMs / 1000).toFixed(1)} s without service`,
      nodeId: move.targetNodeId,
      data: { downtimeMs },
    },
  });
  enqueue({
    type: "effect",
    params: {
      kind: "migrationEnded",
      ordinal: move.ordinal,
      outcome: "completed",
      downtimeMs,
      errorCode: "",
      errorMessage: "",
    },
  });
  enqueue({ type: "effect", params: { kind: "alertOver", alerts: ["migration_failed"] } });
  enqueue.raise({ type: "MOVE_COMPLETED", at: event.at });
});

/** What a container is left with by a migration that did not take place. */
type Left = "MOVE_BACK_AT_SOURCE" | "MOVE_CRASHED_AT_SOURCE" | "MOVE_NOWHERE" | "MOVE_DATA_ON_DEAD_NODE";

/** Ends a migration that failed or was cancelled. The move itself is forgotten by `forgetMove`. */
export const endUndone = (left: Left) =>
  s.enqueueActions(({ context, event, enqueue }) => {
    const move = context.move;
    if (!move) return;
    const error: MoveError = move.error ?? { code: "unknown", message: "no reason was recorded" };
    const { cancelled } = move;
    const why = cancelled ? { code: "cancelled", message: `the migration was cancelled by ${cancelled.by}` } : error;
    const serves = left === "MOVE_BACK_AT_SOURCE";
    const downtimeMs = serves ? (move.downSince === null ? 0 : Math.max(0, event.at - move.downSince)) : null;
    if (move.targetNodeId) enqueue({ type: "effect", params: { kind: "release", nodeId: move.targetNodeId } });
    enqueue.assign({ moveAwaited: null, moveDeadline: null, lastMigrationAt: event.at });
    if (context.placement) {
      const { sourceDead: nodeDead, sourceSilent: nodeSilent, sourceEpoch: epoch } = move;
      enqueue.assign({ placement: { ...context.placement, epoch, nodeDead, nodeSilent } });
    }
    enqueue({
      type: "effect",
      params: {
        kind: "event",
        type: cancelled ? "migration.cancelled" : "migration.failed",
        severity: cancelled ? "info" : "error",
        message: cancelled
          ? `${context.name} is not moved: cancelled by ${cancelled.by}`
          : `${context.name} was not moved: ${error.message} (${error.code})`,
        nodeId: move.targetNodeId ?? move.sourceNodeId,
        data: { errorCode: error.code },
      },
    });
    enqueue({
      type: "effect",
      params: {
        kind: "migrationEnded",
        ordinal: move.ordinal,
        outcome: cancelled ? "cancelled" : "failed",
        downtimeMs,
        errorCode: error.code,
        errorMessage: error.message,
      },
    });
    // Data on a dead node is an alert of its own: what failed is not the migration. What somebody took back did not fail.
    if (left !== "MOVE_DATA_ON_DEAD_NODE" && !cancelled) {
      enqueue({
        type: "effect",
        params: {
          kind: "alert",
          alert: {
            kind: "migration_failed",
            severity: serves ? "warning" : "error",
            message: `${context.name} was not moved: ${error.message} (${error.code})`,
            nextStep: serves
              ? "it runs where it was; look at the migration's steps, then move it again"
              : "look at the migration's steps and at the container's status; free or add a node if none had room",
            data: { errorCode: error.code, trigger: move.trigger },
            endsWhenAcknowledged: serves,
          },
        },
      });
    }
    if (left === "MOVE_NOWHERE") {
      enqueue.raise({
        type: left,
        at: event.at,
        error: why,
        // Whoever cancels a move away from a dead node wants it to wait for that node; a node that dies after a cancel is
        // another matter.
        again: move.automatic && cancelled?.sourceDead !== true,
        avoidNodeIds: [...move.excludedNodeIds, ...(move.targetNodeId ? [move.targetNodeId] : [])],
        downSince: move.downSince ?? event.at,
      });
    } else if (serves) {
      enqueue.raise({ type: left, at: event.at });
    } else {
      enqueue.raise({ type: left, at: event.at, error: why });
    }
  });

export const forgetMove = s.assign({ move: null });
