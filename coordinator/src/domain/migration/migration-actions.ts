import {
  PREPARE_TIMEOUT_MS,
  REMOVE_TIMEOUT_MS,
  RETRY_MS,
  START_SLACK_MS,
  STOP_SLACK_MS,
} from "../container/command-budget.ts";
import {
  type AwaitedCommand,
  type CommandKind,
  type ContainerContext,
  deadlineAfter,
  type Move,
  type MoveError,
} from "../container/container-context.ts";
import { containerSetup as s } from "../container/container-setup.ts";

const changed = (context: ContainerContext, change: Partial<Move>): Move | null =>
  context.move ? { ...context.move, ...change } : null;

/** Assigns to the migration under way. */
export const noteMove = (change: (context: ContainerContext) => Partial<Move>) =>
  s.assign({ move: ({ context }) => changed(context, change(context)) });

export const beginMove = s.enqueueActions(({ context, event, enqueue }) => {
  if (event.type !== "MOVE_BEGIN" || !context.placement) return;
  const ordinal = context.lastMove + 1;
  const move: Move = {
    ordinal,
    trigger: event.trigger,
    sourceNodeId: context.placement.nodeId,
    sourceEpoch: context.placement.epoch,
    sourceDead: event.sourceDead,
    sourceSilent: context.placement.nodeSilent,
    sourceStopped: false,
    requestedNodeId: event.targetNodeId,
    targetNodeId: null,
    targetEpoch: null,
    targetDead: false,
    verified: false,
    startedAt: event.at,
    downSince: event.downSince,
    downtimeMs: null,
    excludedNodeIds: [],
    attempts: 0,
    error: null,
  };
  enqueue.assign({ lastMove: ordinal, move });
  enqueue({
    type: "effect",
    params: { kind: "migrationBegun", ordinal, trigger: event.trigger, sourceNodeId: move.sourceNodeId },
  });
  enqueue({
    type: "effect",
    params: {
      kind: "event",
      type: "migration.started",
      severity: event.trigger === "auto" ? "warning" : "info",
      message:
        event.trigger === "auto"
          ? `${context.name} is being moved because its node is dead`
          : `${context.name} is being moved (${event.trigger})`,
      nodeId: move.sourceNodeId,
      data: { trigger: event.trigger },
    },
  });
});

/** Records that a state was entered, with what happens in it. */
export const step = (name: string, detail: (context: ContainerContext) => string = () => "") =>
  s.enqueueActions(({ context, enqueue }) => {
    if (!context.move) return;
    const text = detail(context);
    enqueue({
      type: "effect",
      params: { kind: "migrationStep", ordinal: context.move.ordinal, name, detail: text },
    });
    enqueue({
      type: "effect",
      params: {
        kind: "event",
        type: "migration.state",
        severity: "info",
        message: `${context.name}: ${name.replaceAll("_", " ")}${text ? ` (${text})` : ""}`,
        nodeId: context.move.targetNodeId ?? context.move.sourceNodeId,
        data: { state: name },
      },
    });
  });

export const choose = s.enqueueActions(({ context, enqueue }) => {
  const move = context.move;
  if (!move) return;
  enqueue.assign({
    move: { ...move, targetNodeId: null, targetEpoch: null, targetDead: false, verified: false, error: null },
    moveAwaited: null,
    moveDeadline: null,
  });
  enqueue({
    type: "effect",
    params: {
      kind: "place",
      purpose: "move",
      requestedNodeId: move.requestedNodeId,
      excludedNodeIds: [move.sourceNodeId, ...move.excludedNodeIds],
      avoidPorts: context.avoidPorts,
      pinnedNodeId: null,
      homeNodeId: move.sourceNodeId,
    },
  });
});

export const takeTarget = s.enqueueActions(({ context, event, enqueue }) => {
  if (event.type !== "PLACED" || !context.move) return;
  enqueue.assign({
    move: { ...context.move, targetNodeId: event.nodeId, attempts: context.move.attempts + 1 },
  });
  enqueue({
    type: "effect",
    params: {
      kind: "event",
      type: "migration.target_chosen",
      severity: "info",
      message: `${context.name} goes to ${event.nodeName}: ${event.summary}`,
      nodeId: event.nodeId,
    },
  });
});

export const noTarget = s.assign({
  move: ({ context, event }) =>
    changed(context, { error: { code: "no_target", message: event.type === "NO_PLACE" ? event.summary : "" } }),
});

type Side = "source" | "target";

function commandParams(context: ContainerContext, move: Move, kind: CommandKind, side: Side) {
  const nodeId = side === "source" ? move.sourceNodeId : move.targetNodeId;
  const timeoutMs = {
    prepare: PREPARE_TIMEOUT_MS,
    start: PREPARE_TIMEOUT_MS + context.startBudgetMs + START_SLACK_MS,
    stop: context.stopGraceMs + STOP_SLACK_MS,
    remove: REMOVE_TIMEOUT_MS,
  }[kind];
  const epoch =
    kind === "start"
      ? context.lastEpoch + 1
      : side === "source"
        ? move.sourceEpoch
        : (move.targetEpoch ?? context.lastEpoch);
  return { nodeId, timeoutMs, epoch };
}

/** Sends a command to one side of the migration and waits for its result under a deadline. */
export const issue = (kind: CommandKind, side: Side) =>
  s.enqueueActions(({ context, event, enqueue }) => {
    const move = context.move;
    if (!move) return;
    const { nodeId, timeoutMs, epoch } = commandParams(context, move, kind, side);
    if (!nodeId) return;
    const ordinal = context.lastOrdinal + 1;
    const awaited: AwaitedCommand = { ordinal, kind, nodeId };
    enqueue.assign({
      lastOrdinal: ordinal,
      moveAwaited: awaited,
      moveDeadline: deadlineAfter(`${kind}_${side}`, event.at, timeoutMs),
    });
    if (kind === "start") {
      enqueue.assign({ lastEpoch: epoch });
      enqueue.assign({ move: { ...move, ...(side === "target" ? { targetEpoch: epoch } : { sourceEpoch: epoch }) } });
    }
    enqueue({
      type: "effect",
      params: {
        kind: "command",
        ordinal,
        command: kind,
        nodeId,
        epoch,
        timeoutMs,
        ...(kind === "stop" ? { graceMs: context.stopGraceMs } : {}),
        // A shared volume is the same on every node: what a target that is given up removed would be gone for the source too.
        ...(kind === "remove" ? { removeVolumes: false } : {}),
      },
    });
  });

export const noteStopping = s.assign({
  move: ({ context, event }) => changed(context, { downSince: context.move?.downSince ?? event.at }),
});

export const noteSourceDead = s.assign({
  move: ({ context, event }) =>
    changed(context, {
      sourceDead: true,
      sourceSilent: true,
      downSince: context.move?.downSince ?? (event.type === "NODE_DEAD" ? event.lastHeartbeatAt : event.at),
    }),
});

export const noteTargetDead = s.assign({
  move: ({ context, event }) =>
    changed(context, {
      targetDead: true,
      error: {
        code: "target_died",
        message: `${event.type === "NODE_DEAD" ? event.nodeName : "the target"} died during the migration`,
      },
    }),
});

export const dataOnDeadNode = (context: ContainerContext): MoveError => ({
  code: "data_on_dead_node",
  message:
    `${context.name} has data on a local volume of its dead node, which no other node has: it would start empty. ` +
    "Bring the node back, or allow data loss for this container",
});

export const noteDataOnDeadNode = s.assign({
  move: ({ context }) => changed(context, { error: dataOnDeadNode(context) }),
});

export const noteFailure = s.assign({
  move: ({ context, event }) =>
    changed(context, {
      error:
        event.type === "COMMAND_FAILED"
          ? { code: event.code, message: event.message }
          : event.type === "OBSERVED"
            ? { code: "start_failed", message: event.detail || "the new copy ended while it was being started" }
            : { code: "step_timeout", message: "the node did not answer the command in time" },
    }),
});

/** The target becomes the place; what the source held is given back. */
export const commitMove = s.enqueueActions(({ context, event, enqueue }) => {
  const move = context.move;
  if (!move?.targetNodeId || move.targetEpoch === null) return;
  const downtimeMs = move.downSince === null ? 0 : Math.max(0, event.at - move.downSince);
  enqueue.assign({
    move: { ...move, downtimeMs },
    placement: { nodeId: move.targetNodeId, epoch: move.targetEpoch, nodeDead: false, nodeSilent: false },
    restarts: 0,
    runningSince: event.at,
    reason: "",
    lastMigrationAt: event.at,
    moveAwaited: null,
    moveDeadline: null,
  });
  enqueue({ type: "effect", params: { kind: "release", nodeId: move.sourceNodeId } });
});

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

/** Ends a migration that failed; `then` says what the container is left with. */
export const endFailed = (
  then: "MOVE_BACK_AT_SOURCE" | "MOVE_CRASHED_AT_SOURCE" | "MOVE_NOWHERE" | "MOVE_DATA_ON_DEAD_NODE",
) =>
  s.enqueueActions(({ context, event, enqueue }) => {
    const move = context.move;
    if (!move) return;
    const error = move.error ?? { code: "unknown", message: "no reason was recorded" };
    if (move.targetNodeId) enqueue({ type: "effect", params: { kind: "release", nodeId: move.targetNodeId } });
    const back = then === "MOVE_BACK_AT_SOURCE" || then === "MOVE_CRASHED_AT_SOURCE";
    const downtimeMs =
      then === "MOVE_BACK_AT_SOURCE" ? (move.downSince === null ? 0 : Math.max(0, event.at - move.downSince)) : null;
    enqueue.assign({
      move: null,
      moveAwaited: null,
      moveDeadline: null,
      lastMigrationAt: event.at,
      ...(back && context.placement
        ? { placement: { ...context.placement, epoch: move.sourceEpoch, nodeSilent: move.sourceSilent } }
        : {}),
    });
    if (!back && context.placement) {
      enqueue.assign({ placement: { ...context.placement, nodeDead: move.sourceDead, nodeSilent: move.sourceSilent } });
    }
    enqueue({
      type: "effect",
      params: {
        kind: "event",
        type: "migration.failed",
        severity: "error",
        message: `${context.name} was not moved: ${error.message} (${error.code})`,
        nodeId: move.targetNodeId ?? move.sourceNodeId,
        data: { errorCode: error.code },
      },
    });
    enqueue({
      type: "effect",
      params: {
        kind: "migrationEnded",
        ordinal: move.ordinal,
        outcome: "failed",
        downtimeMs,
        errorCode: error.code,
        errorMessage: error.message,
      },
    });
    // Data on a dead node is an alert of its own: what failed is not the migration.
    if (then !== "MOVE_DATA_ON_DEAD_NODE") {
      const serves = then === "MOVE_BACK_AT_SOURCE";
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
    if (then === "MOVE_NOWHERE" || then === "MOVE_DATA_ON_DEAD_NODE") {
      enqueue.raise({ type: then, at: event.at, error });
    } else {
      enqueue.raise({ type: then, at: event.at });
    }
  });

export const retryStepLater = s.assign({
  moveAwaited: null,
  moveDeadline: ({ event }) => deadlineAfter("retry", event.at, RETRY_MS),
});

/** Gives the failed target's room back before another one is chosen. */
export const giveTargetUp = s.enqueueActions(({ context, enqueue }) => {
  const move = context.move;
  if (!move?.targetNodeId) return;
  enqueue({ type: "effect", params: { kind: "release", nodeId: move.targetNodeId } });
  enqueue.assign({
    move: { ...move, excludedNodeIds: [...move.excludedNodeIds, move.targetNodeId], requestedNodeId: null },
  });
});

export const raiseAgain = s.raise(({ event }) => event);
