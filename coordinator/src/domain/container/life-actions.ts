import {
  AVOID_PORTS_MAX,
  REMOVE_TIMEOUT_MS,
  RESTARTS_MAX,
  RETRY_MS,
  restartDelayMs,
  STABLE_AFTER_MS,
  STOP_SLACK_MS,
  startTimeoutMs,
} from "./command-budget.ts";
import { deadlineAfter, type Placement } from "./container-context.ts";
import { containerSetup as s } from "./container-setup.ts";
import { isWornOut, pinnedNodeId } from "./start-place.ts";

/** What is wrong with a container that shall run; nothing of it matters once it shall not. */
const STANDING_ALERTS = ["container_failed", "data_on_dead_node", "migration_failed"] as const;

export const tune = s.assign(({ event }) => (event.type === "TUNE" ? event.change : {}));

export const remake = s.assign(({ event }) => (event.type === "REMAKE" ? event.change : {}));

export const place = s.enqueueActions(({ context, enqueue }) => {
  enqueue.assign({ awaited: null, deadline: null });
  enqueue({
    type: "effect",
    params: {
      kind: "place",
      purpose: "life",
      requestedNodeId: null,
      excludedNodeIds: context.avoidNodes,
      avoidPorts: context.avoidPorts,
      pinnedNodeId: pinnedNodeId(context),
      homeNodeId: context.placement?.nodeId ?? null,
    },
  });
});

export const takePlace = s.enqueueActions(({ context, event, enqueue }) => {
  if (event.type !== "PLACED") return;
  const placement: Placement = { nodeId: event.nodeId, epoch: context.lastEpoch, nodeDead: false, nodeSilent: false };
  const before = context.placement;
  if (before && before.nodeId !== event.nodeId) {
    enqueue({ type: "effect", params: { kind: "release", nodeId: before.nodeId } });
  }
  enqueue.assign({ placement, reason: "", poolPorts: event.poolPorts });
  enqueue({ type: "effect", params: { kind: "alertOver", alerts: ["migration_failed"] } });
  if (before?.nodeId !== event.nodeId) enqueue.assign({ crashesHere: 0 });
  enqueue({
    type: "effect",
    params: {
      kind: "event",
      type: "container.placed",
      severity: "info",
      message: `${context.name} is placed on ${event.nodeName}: ${event.summary}`,
      nodeId: event.nodeId,
    },
  });
});

export const noPlace = s.enqueueActions(({ context, event, enqueue }) => {
  if (event.type !== "NO_PLACE") return;
  if (context.reason === event.summary) return; // Said already; a retry that changes nothing is no news.
  enqueue.assign({ reason: event.summary });
  enqueue({
    type: "effect",
    params: {
      kind: "event",
      type: "container.unplaced",
      severity: "warning",
      message: `${context.name} waits for a node: ${event.summary}`,
    },
  });
});

/** Commands a start under the next epoch on the node where the container is placed. */
export const issueStart = s.enqueueActions(({ context, event, enqueue }) => {
  const placement = context.placement;
  if (!placement) return;
  const epoch = context.lastEpoch + 1;
  const ordinal = context.lastOrdinal + 1;
  const timeoutMs = startTimeoutMs(context);
  enqueue.assign({
    lastEpoch: epoch,
    lastOrdinal: ordinal,
    placement: { ...placement, epoch },
    awaited: { ordinal, kind: "start", nodeId: placement.nodeId },
    deadline: deadlineAfter("start", event.at, timeoutMs),
    restartAfterStop: false,
    stopAtOnce: false,
    healthy: true,
  });
  enqueue({
    type: "effect",
    params: { kind: "command", ordinal, command: "start", nodeId: placement.nodeId, epoch, timeoutMs },
  });
  enqueue({
    type: "effect",
    params: {
      kind: "event",
      type: "container.starting",
      severity: "info",
      message: `${context.name} is being started (epoch ${epoch})`,
      nodeId: placement.nodeId,
      data: { epoch },
    },
  });
});

export const noteRunning = s.enqueueActions(({ context, event, enqueue }) => {
  enqueue.assign({
    runningSince: context.runningSince ?? event.at,
    reason: "",
    awaited: null,
    deadline: null,
    avoidPorts: [],
    avoidNodes: [],
    retry: null,
  });
  enqueue({ type: "effect", params: { kind: "jobsEnded", jobs: ["create", "start", "restart"], error: "" } });
  enqueue({ type: "effect", params: { kind: "alertOver", alerts: ["container_failed", "data_on_dead_node"] } });
  enqueue({
    type: "effect",
    params: {
      kind: "event",
      type: "container.running",
      severity: "info",
      message: `${context.name} runs and answers`,
      nodeId: context.placement?.nodeId ?? null,
      data: { epoch: context.placement?.epoch ?? 0 },
    },
  });
});

export const noteHealth = s.enqueueActions(({ context, event, enqueue }) => {
  if (event.type !== "OBSERVED") return;
  const healthy = event.state !== "unhealthy";
  enqueue.assign({ healthy, reason: healthy ? "" : event.detail || "the health check fails" });
  enqueue({
    type: "effect",
    params: {
      kind: "event",
      type: healthy ? "container.running" : "container.unhealthy",
      severity: healthy ? "info" : "warning",
      message: healthy ? `${context.name} answers again` : `${context.name} runs but does not answer: ${event.detail}`,
      nodeId: event.nodeId,
    },
  });
});

/** Counts a crash or a failed start and says why. */
export const noteCrash = s.enqueueActions(({ context, event, enqueue }) => {
  const stable = context.runningSince !== null && event.at - context.runningSince >= STABLE_AFTER_MS;
  const restarts = stable ? 1 : context.restarts + 1;
  const crashesHere = stable ? 1 : context.crashesHere + 1;
  const reason =
    event.type === "COMMAND_FAILED"
      ? `${event.message} (${event.code})`
      : event.type === "OBSERVED"
        ? event.detail || `the process is ${event.state === "created" ? "created and not started" : event.state}`
        : "no answer to the start command in time";
  enqueue.assign({ restarts, crashesHere, reason, runningSince: null, awaited: null });
  enqueue({
    type: "effect",
    params: {
      kind: "event",
      type: "container.crashed",
      severity: "warning",
      message: `${context.name} does not run: ${reason}`,
      nodeId: context.placement?.nodeId ?? null,
      data: { restarts },
    },
  });
});

export const avoidThisPlace = s.enqueueActions(({ context, event, enqueue }) => {
  const nodeId = context.placement?.nodeId;
  if (event.type !== "COMMAND_FAILED" || nodeId === undefined) return;
  if (event.code === "port_taken" && context.poolPorts.length > 0) {
    const taken = context.poolPorts.map((port) => `${nodeId} ${port}`);
    enqueue.assign({ avoidPorts: [...context.avoidPorts, ...taken].slice(-AVOID_PORTS_MAX) });
  } else {
    enqueue.assign({ avoidNodes: [...context.avoidNodes, nodeId] });
  }
});

export const tryEveryNodeAgain = s.assign({ avoidNodes: [] });

export const awaitRestart = s.enqueueActions(({ context, event, enqueue }) => {
  if (context.restarts > RESTARTS_MAX) return; // Given up in the same step.
  const delayMs = restartDelayMs(context.restarts);
  const when = delayMs === 0 ? "at once" : `in ${(delayMs / 1000).toFixed(2)} s`;
  enqueue.assign({ deadline: deadlineAfter("restart", event.at, delayMs) });
  enqueue({
    type: "effect",
    params: {
      kind: "event",
      type: "container.restarting",
      severity: "info",
      message: `${context.name} is started again ${when} (attempt ${context.restarts})`,
      nodeId: context.placement?.nodeId ?? null,
    },
  });
  if (isWornOut(context)) enqueue({ type: "effect", params: { kind: "moveIfFits" } });
});

export const giveUp = s.enqueueActions(({ context, enqueue }) => {
  const reason = `given up after ${context.restarts} attempts: ${context.reason}`;
  enqueue.assign({ reason, deadline: null });
  enqueue({ type: "effect", params: { kind: "jobsEnded", jobs: ["create", "start", "restart"], error: reason } });
  enqueue({
    type: "effect",
    params: {
      kind: "event",
      type: "container.failed",
      severity: "error",
      message: `${context.name} is ${reason}; look at its logs, then start it again`,
      nodeId: context.placement?.nodeId ?? null,
    },
  });
  enqueue({
    type: "effect",
    params: {
      kind: "alert",
      alert: {
        kind: "container_failed",
        severity: "error",
        message: `${context.name} is ${reason}`,
        nextStep: `look at its logs, then start it again: lormas container start ${context.name}`,
      },
    },
  });
});

export const issueStop = s.enqueueActions(({ context, event, enqueue }) => {
  const placement = context.placement;
  if (!placement) return;
  const ordinal = context.lastOrdinal + 1;
  const atOnce = context.stopAtOnce === true;
  const graceMs = atOnce ? 0 : context.stopGraceMs;
  const timeoutMs = graceMs + STOP_SLACK_MS;
  enqueue.assign({
    lastOrdinal: ordinal,
    awaited: { ordinal, kind: "stop", nodeId: placement.nodeId },
    deadline: deadlineAfter("stop", event.at, timeoutMs),
    runningSince: null,
  });
  enqueue({
    type: "effect",
    params: {
      kind: "command",
      ordinal,
      command: "stop",
      nodeId: placement.nodeId,
      epoch: placement.epoch,
      timeoutMs,
      graceMs,
    },
  });
  enqueue({
    type: "effect",
    params: {
      kind: "event",
      type: "container.stopping",
      severity: "info",
      message: `${context.name} is being ${atOnce ? "killed" : "stopped"}`,
      nodeId: placement.nodeId,
    },
  });
});

export const noteStopped = s.enqueueActions(({ context, enqueue }) => {
  enqueue.assign({ awaited: null, deadline: null, restarts: 0, crashesHere: 0, reason: "", runningSince: null });
  enqueue.assign({ retry: null, stopAtOnce: false });
  enqueue({ type: "effect", params: { kind: "jobsEnded", jobs: ["create", "stop", "kill", "suspend"], error: "" } });
  enqueue({ type: "effect", params: { kind: "alertOver", alerts: STANDING_ALERTS } });
  // No lease ends a standard container: on a node that is only cut off it may run for as long as that lasts.
  const unseen = !context.ha && context.placement?.nodeDead === true;
  enqueue({
    type: "effect",
    params: {
      kind: "event",
      type: "container.stopped",
      severity: unseen ? "warning" : "info",
      message: unseen
        ? `${context.name} counts as stopped: its node is dead; if it still runs there, it ends when the node returns`
        : `${context.name} is stopped`,
      nodeId: context.placement?.nodeId ?? null,
    },
  });
});

/** Commands the removal of the copy that is placed now, which closes its epoch. */
const removal = (deadline: string, removeVolumes: boolean) =>
  s.enqueueActions(({ context, event, enqueue }) => {
    const placement = context.placement;
    if (!placement || placement.nodeDead) return;
    const ordinal = context.lastOrdinal + 1;
    enqueue.assign({
      lastOrdinal: ordinal,
      awaited: { ordinal, kind: "remove", nodeId: placement.nodeId },
      deadline: deadlineAfter(deadline, event.at, REMOVE_TIMEOUT_MS),
    });
    enqueue({
      type: "effect",
      params: {
        kind: "command",
        ordinal,
        command: "remove",
        nodeId: placement.nodeId,
        epoch: placement.epoch,
        timeoutMs: REMOVE_TIMEOUT_MS,
        removeVolumes,
      },
    });
  });

export const issueRemove = removal("remove", true);

/** Closes the epoch where the start failed, so that the next one may start anywhere; volumes stay. */
export const issueVacate = removal("vacate", false);

export const retryLater = s.assign({
  awaited: null,
  deadline: ({ event }) => deadlineAfter("retry", event.at, RETRY_MS),
});

export const noteGone = s.enqueueActions(({ context, enqueue }) => {
  const jobs = ["create", "start", "stop", "kill", "suspend", "delete"];
  enqueue({ type: "effect", params: { kind: "jobsEnded", jobs, error: "" } });
  enqueue({ type: "effect", params: { kind: "alertOver", alerts: STANDING_ALERTS } });
  enqueue({
    type: "effect",
    params: { kind: "event", type: "container.removed", severity: "info", message: `${context.name} is removed` },
  });
  enqueue({ type: "effect", params: { kind: "forget" } });
});

export const noteSilent = s.enqueueActions(({ context, enqueue }) => {
  const placement = context.placement;
  if (!placement) return;
  enqueue.assign({ placement: { ...placement, nodeSilent: true } });
});

export const noteUnknown = s.enqueueActions(({ context, enqueue }) => {
  enqueue({
    type: "effect",
    params: {
      kind: "event",
      type: "container.unknown",
      severity: "warning",
      message: `${context.name}: its node does not answer, what it does is not known`,
      nodeId: context.placement?.nodeId ?? null,
    },
  });
});

export const noteHeard = s.assign({
  placement: ({ context }) => (context.placement ? { ...context.placement, nodeSilent: false } : null),
});

export const noteNodeDead = s.assign({
  placement: ({ context }) =>
    context.placement ? { ...context.placement, nodeDead: true, nodeSilent: true } : context.placement,
  awaited: null,
  deadline: null,
  runningSince: null,
});

export const noteLost = s.enqueueActions(({ context, event, enqueue }) => {
  const where = event.type === "NODE_DEAD" ? event.nodeName : "its node";
  const why = context.ha
    ? `automatic migration is off in the cluster of ${where}`
    : "it is a standard container and is never moved";
  const reason =
    event.type === "MOVE_DATA_ON_DEAD_NODE"
      ? event.error.message
      : event.type === "MOVE_NOWHERE"
        ? `${event.error.message}; it waits for its node`
        : `${where} is dead and ${why}; it waits for it`;
  enqueue.assign({ reason, retry: null });
  enqueue({
    type: "effect",
    params: {
      kind: "event",
      type: "container.unknown",
      severity: "error",
      message: `${context.name}: ${reason}`,
      nodeId: context.placement?.nodeId ?? null,
    },
  });
  if (event.type !== "MOVE_DATA_ON_DEAD_NODE") return;
  enqueue({
    type: "effect",
    params: {
      kind: "alert",
      alert: {
        kind: "data_on_dead_node",
        severity: "error",
        message: `${context.name} does not run: its data is on a dead node, and it would start empty elsewhere`,
        nextStep: "bring the node back, or create the container with data loss allowed",
      },
    },
  });
});

export const noteNodeBack = s.assign({
  placement: ({ context }) =>
    context.placement ? { ...context.placement, nodeDead: false, nodeSilent: false } : context.placement,
});

export const dropPlacement = s.enqueueActions(({ context, enqueue }) => {
  if (!context.placement) return;
  enqueue({ type: "effect", params: { kind: "release", nodeId: context.placement.nodeId } });
  enqueue.assign({ placement: null });
});

export const want = s.assign(({ context, event }) => {
  if (event.type !== "WANT") return {};
  // Who wants it running again while it is being killed does not want it to hang once more.
  if (event.desired !== "stopped") return { desired: event.desired };
  return { desired: event.desired, stopAtOnce: event.atOnce === true || context.stopAtOnce === true };
});
