import { installTimeoutMs } from "./command-budget.ts";
import { deadlineAfter } from "./container-context.ts";
import { containerSetup as s } from "./container-setup.ts";

/** Commands the install script, under the next epoch, where the container is placed: as fenced as a start. */
export const issueInstall = s.enqueueActions(({ context, event, enqueue }) => {
  const placement = context.placement;
  if (!placement) return;
  const epoch = context.lastEpoch + 1;
  const ordinal = context.lastOrdinal + 1;
  const timeoutMs = installTimeoutMs(context);
  enqueue.assign({
    lastEpoch: epoch,
    lastOrdinal: ordinal,
    placement: { ...placement, epoch },
    awaited: { ordinal, kind: "install", nodeId: placement.nodeId },
    deadline: deadlineAfter("install", event.at, timeoutMs),
    reason: "its install script runs; its logs show how far it is",
  });
  enqueue({
    type: "effect",
    params: { kind: "command", ordinal, command: "install", nodeId: placement.nodeId, epoch, timeoutMs },
  });
  enqueue({
    type: "effect",
    params: {
      kind: "event",
      type: "container.installing",
      severity: "info",
      message: `the install script of ${context.name} runs again (epoch ${epoch})`,
      nodeId: placement.nodeId,
      data: { epoch },
    },
  });
});

export const noteInstalled = s.enqueueActions(({ context, enqueue }) => {
  enqueue({ type: "effect", params: { kind: "jobsEnded", jobs: ["reinstall"], error: "" } });
  enqueue({
    type: "effect",
    params: {
      kind: "event",
      type: "container.installed",
      severity: "info",
      message: `the install script of ${context.name} has ended well`,
      nodeId: context.placement?.nodeId ?? null,
    },
  });
});

/** What was wished while the script ran comes after the stop. */
export const restartIfWanted = s.assign({ restartAfterStop: ({ context }) => context.desired === "running" });

/** Why a wish ends a script that runs. */
function endedBy({ desired, atOnce }: { desired: string; atOnce?: boolean }, isSuspended: boolean): string {
  if (desired === "removed") return "it was ended: the container is being removed";
  if (isSuspended) return "it was ended: the container was suspended";
  return `it was ended: the container was ${atOnce ? "killed" : "stopped"}`;
}

/** It has failed, took too long, was ended, or its node died with it. */
export const noteInstallFailed = s.enqueueActions(({ context, event, enqueue }) => {
  const reason =
    event.type === "COMMAND_FAILED"
      ? event.message
      : event.type === "NODE_DEAD"
        ? `${event.nodeName} died while it ran`
        : event.type === "WANT"
          ? endedBy(event, !!context.suspension)
          : "nothing was heard of it in time";
  enqueue({ type: "effect", params: { kind: "jobsEnded", jobs: ["reinstall"], error: reason } });
  enqueue({
    type: "effect",
    params: {
      kind: "event",
      type: "container.install_failed",
      severity: "error",
      message: `the install script of ${context.name} has failed: ${reason}`,
      nodeId: context.placement?.nodeId ?? null,
    },
  });
});
