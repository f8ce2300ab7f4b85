import {
  AVOID_PORTS_MAX,
  FENCING_TIMEOUT_MS,
  installTimeoutMs,
  PREPARE_TIMEOUT_MS,
  QUEUE_TIMEOUT_MS,
  REMOVE_TIMEOUT_MS,
  RETRY_MS,
  STOP_SLACK_MS,
  startTimeoutMs,
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
    automatic: event.automatic,
    sourceNodeId: context.placement.nodeId,
    sourceEpoch: context.placement.epoch,
    sourceDead: event.sourceDead,
    sourceSilent: context.placement.nodeSilent,
    sourceStopped: false,
    requestedNodeId: event.targetNodeId,
    targetNodeId: null,
    targetEpoch: null,
    poolPorts: [],
    targetDead: false,
    verified: false,
    startedAt: event.at,
    downSince: event.downSince,
    downtimeMs: null,
    excludedNodeIds: event.excludedNodeIds,
    attempts: 0,
    error: null,
    heldFor: "",
    closings: 0,
    forced: event.forced === true,
    cancelled: null,
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
      message: `${context.name} is being moved (${event.cause})`,
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

/** What placement is asked for a migration under way; the queue asks the same before it lets the migration begin. */
export function targetRequest(
  context: ContainerContext,
  move: Pick<Move, "requestedNodeId" | "sourceNodeId" | "excludedNodeIds">,
  busyNodeIds: readonly string[],
) {
  return {
    kind: "place",
    purpose: "move",
    requestedNodeId: move.requestedNodeId,
    excludedNodeIds: [move.sourceNodeId, ...move.excludedNodeIds],
    busyNodeIds,
    avoidPorts: context.avoidPorts,
    pinnedNodeId: null,
    homeNodeId: move.sourceNodeId,
  } as const;
}

export const choose = s.enqueueActions(({ context, event, enqueue }) => {
  const move = context.move;
  if (!move) return;
  enqueue.assign({ moveAwaited: null, moveDeadline: null });
  const busyNodeIds = event.type === "ADMITTED" ? event.busyNodeIds : [];
  enqueue({ type: "effect", params: targetRequest(context, move, busyNodeIds) });
});

/** Waits until the queue lets it begin. */
export const queueUp = s.enqueueActions(({ context, event, enqueue }) => {
  if (!context.move) return;
  enqueue.assign({
    move: { ...context.move, targetNodeId: null, targetEpoch: null, targetDead: false, verified: false, closings: 0 },
    moveAwaited: null,
    moveDeadline: deadlineAfter("queue", event.at, QUEUE_TIMEOUT_MS),
  });
});

export const hold = s.enqueueActions(({ context, event, enqueue }) => {
  if (event.type !== "HELD" || !context.move) return;
  enqueue.assign({ move: { ...context.move, heldFor: event.reason } });
  enqueue(step("queued", () => event.reason));
});

export const noteCancelled = s.enqueueActions(({ context, event, enqueue }) => {
  if (event.type !== "CANCEL" || !context.move) return;
  enqueue.assign({
    move: {
      ...context.move,
      cancelled: { by: event.by, sourceDead: context.move.sourceDead },
      // What went wrong before is said rather than that somebody gave up on it.
      error: context.move.error ?? { code: "cancelled", message: `the migration was cancelled by ${event.by}` },
    },
  });
});

export const takeTarget = s.enqueueActions(({ context, event, enqueue }) => {
  if (event.type !== "PLACED" || !context.move) return;
  enqueue.assign({
    move: {
      ...context.move,
      targetNodeId: event.nodeId,
      attempts: context.move.attempts + 1,
      heldFor: "",
      poolPorts: event.poolPorts,
      error: null,
    },
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

/** When targets have failed before, why they did says more than that there is none left. */
export const noTarget = s.assign({
  move: ({ context, event }) =>
    changed(context, {
      error: context.move?.error ?? { code: "no_target", message: event.type === "NO_PLACE" ? event.summary : "" },
    }),
});

export const noteQueueTimeout = s.assign({
  move: ({ context }) =>
    changed(context, {
      error: context.move?.error ?? {
        code: "queue_timeout",
        message: `it waited ${QUEUE_TIMEOUT_MS / 60_000} min in the queue: ${context.move?.heldFor || "nothing let it begin"}`,
      },
    }),
});

/** Until a silent source is heard or dead. */
export const awaitFencing = s.assign({
  moveDeadline: ({ event }) => deadlineAfter("fencing", event.at, FENCING_TIMEOUT_MS),
});

export const noteFencingTimeout = s.assign({
  move: ({ context }) =>
    changed(context, {
      error: {
        code: "step_timeout",
        message: `the silent source was neither heard nor declared dead within ${FENCING_TIMEOUT_MS / 60_000} min`,
      },
    }),
});

type Side = "source" | "target";

function commandParams(context: ContainerContext, move: Move, kind: CommandKind, side: Side) {
  const nodeId = side === "source" ? move.sourceNodeId : move.targetNodeId;
  const timeoutMs = {
    prepare: PREPARE_TIMEOUT_MS,
    start: startTimeoutMs(context),
    stop: context.stopGraceMs + STOP_SLACK_MS,
    remove: REMOVE_TIMEOUT_MS,
    install: installTimeoutMs(context),
  }[kind];
  // The preparation takes the next epoch already, and the start has the same: the last one may have been closed at the target by
  // the rollback of an earlier migration. One that was prepared by a version without this has the source's.
  const epoch =
    kind === "prepare" || (kind === "start" && side === "source")
      ? context.lastEpoch + 1
      : kind === "start"
        ? Math.max(context.lastEpoch, move.sourceEpoch + 1)
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
    if (kind === "start" || kind === "prepare") enqueue.assign({ lastEpoch: epoch });
    if (kind === "start") {
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
      automatic: event.type === "NODE_DEAD" && event.autoMigrate,
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

export const noteFailure = s.enqueueActions(({ context, event, enqueue }) => {
  const { move } = context;
  if (!move) return;
  const error =
    event.type === "COMMAND_FAILED"
      ? { code: event.code, message: event.message }
      : event.type === "OBSERVED"
        ? { code: "start_failed", message: event.detail || "the new copy ended while it was being started" }
        : { code: "step_timeout", message: "the node did not answer the command in time" };
  enqueue.assign({ move: { ...move, error } });
  if (error.code !== "port_taken" || move.poolPorts.length === 0) return;
  const taken = move.poolPorts.map((port) => `${move.targetNodeId} ${port}`);
  enqueue.assign({ avoidPorts: [...context.avoidPorts, ...taken].slice(-AVOID_PORTS_MAX) });
});

/** The target becomes the place; what the source held is given back. */
export const commitMove = s.enqueueActions(({ context, event, enqueue }) => {
  const move = context.move;
  if (!move?.targetNodeId || move.targetEpoch === null) return;
  const downtimeMs = move.downSince === null ? 0 : Math.max(0, event.at - move.downSince);
  enqueue.assign({
    move: { ...move, downtimeMs },
    placement: { nodeId: move.targetNodeId, epoch: move.targetEpoch, nodeDead: false, nodeSilent: false },
    poolPorts: move.poolPorts,
    // A container that moved because it kept failing has not shown yet that it can run.
    restarts: move.trigger === "auto" && !move.sourceDead ? context.restarts : 0,
    crashesHere: 0,
    runningSince: event.at,
    reason: "",
    lastMigrationAt: event.at,
    moveAwaited: null,
    moveDeadline: null,
  });
  enqueue({ type: "effect", params: { kind: "release", nodeId: move.sourceNodeId } });
});

/** A removal at the target was not confirmed. */
export const retryClosing = s.enqueueActions(({ context, event, enqueue }) => {
  if (!context.move) return;
  enqueue.assign({
    move: { ...context.move, closings: context.move.closings + 1 },
    moveAwaited: null,
    moveDeadline: deadlineAfter("retry", event.at, RETRY_MS),
  });
});
export const countClosing = s.assign({
  move: ({ context }) => changed(context, { closings: (context.move?.closings ?? 0) + 1 }),
});

/** Gives the failed target's room back before another one, or another port of it, is chosen. */
export const giveTargetUp = s.enqueueActions(({ context, enqueue }) => {
  const move = context.move;
  if (!move?.targetNodeId) return;
  enqueue({ type: "effect", params: { kind: "release", nodeId: move.targetNodeId } });
  const excludedNodeIds = isPortElsewhere(move) ? move.excludedNodeIds : [...move.excludedNodeIds, move.targetNodeId];
  enqueue.assign({ move: { ...move, excludedNodeIds, requestedNodeId: null } });
});

/** It failed for a port of the pool: the same node has others. */
const isPortElsewhere = (move: Move): boolean => move.error?.code === "port_taken" && move.poolPorts.length > 0;

export const raiseAgain = s.raise(({ event }) => event);
