import { RESTARTS_MAX } from "./command-budget.ts";
import type { ContainerContext } from "./container-context.ts";
import { containerSetup as s } from "./container-setup.ts";
import {
  avoidThisPlace,
  issueVacate,
  tryEveryNodeAgain,
  awaitRestart,
  beginAutomaticMove,
  beginWishedMove,
  dropPlacement,
  giveUp,
  issueRemove,
  issueStart,
  issueStop,
  noPlace,
  noteCrash,
  noteGone,
  noteHeard,
  noteLost,
  noteNodeBack,
  noteNodeDead,
  noteNowhere,
  noteRunning,
  noteSilent,
  noteStopped,
  noteUnknown,
  place,
  retryLater,
  takePlace,
  want,
} from "./life-actions.ts";

type Args = { context: ContainerContext; event: { type: string } };
const wants = (desired: string) => (args: Args) =>
  args.event.type === "WANT" && (args.event as { desired?: string }).desired === desired;
const movesByItself = ({ context, event }: Args) =>
  context.ha &&
  context.desired === "running" &&
  (event as { autoMigrate?: boolean }).autoMigrate === true &&
  context.placement?.nodeId === (event as { nodeId?: string }).nodeId;

/** A dead node takes the container along, or leaves it waiting; the same from every state in which it should run. */
const onNodeDead = [
  { guard: movesByItself, target: "moving", actions: [noteNodeDead, beginAutomaticMove] },
  { guard: "isHome", target: "lost", actions: [noteNodeDead] },
] as const;

const onWantDown = [
  { guard: wants("stopped"), target: "stopping", actions: [want] },
  { guard: wants("removed"), target: "removing", actions: [want] },
] as const;

const silence = {
  NODE_SILENT: { guard: "isHome", actions: [noteSilent] },
  NODE_HEARD: { guard: "isHome", actions: [noteHeard] },
} as const;

/**
 * What becomes of a container on the node where it is placed. While it is being moved this region rests in `moving`, and
 * the migration region decides.
 */
export const lifeRegion = s.createStateConfig({
  initial: "fresh",
  states: {
    fresh: {
      on: {
        CREATED: [
          { guard: ({ context }) => context.desired === "running", target: "placing" },
          { target: "stopped" },
        ],
      },
    },
    placing: {
      entry: [place],
      on: {
        PLACED: { target: "starting", actions: [takePlace] },
        NO_PLACE: [
          // Nowhere else is better: what failed there is tried there again.
          { guard: "isPlaced", target: "backoff", actions: [tryEveryNodeAgain] },
          { target: "unplaced", actions: [noPlace, tryEveryNodeAgain] },
        ],
      },
    },
    unplaced: {
      on: {
        ROOM: { target: "placing" },
        WANT: [
          { guard: wants("stopped"), target: "stopped", actions: [want] },
          { guard: wants("removed"), target: "removing", actions: [want] },
        ],
      },
    },
    starting: {
      entry: [issueStart],
      on: {
        ...silence,
        COMMAND_OK: { guard: "isAwaited", target: "running", actions: [s.assign({ runningSince: null })] },
        COMMAND_FAILED: [
          { guard: "isAwaitedAndMayStartElsewhere", target: "vacating", actions: [noteCrash, avoidThisPlace] },
          { guard: "isAwaited", target: "backoff", actions: [noteCrash] },
        ],
        DEADLINE: { guard: "isDue", target: "backoff", actions: [noteCrash] },
        NODE_DEAD: onNodeDead,
        WANT: onWantDown,
      },
    },
    vacating: {
      entry: [issueVacate],
      on: {
        ...silence,
        COMMAND_OK: { guard: "isAwaited", target: "placing" },
        COMMAND_FAILED: { guard: "isAwaited", actions: [retryLater] },
        DEADLINE: { guard: "isDue", target: "vacating", reenter: true },
        NODE_DEAD: onNodeDead,
        WANT: onWantDown,
      },
    },
    running: {
      entry: [noteRunning],
      on: {
        ...silence,
        NODE_SILENT: { guard: "isHome", target: "unknown", actions: [noteSilent, noteUnknown] },
        OBSERVED: [
          {
            guard: ({ context, event }) =>
              context.placement?.nodeId === event.nodeId &&
              ((event.state === "exited" && event.epoch === context.placement.epoch) || event.state === "absent"),
            target: "backoff",
            actions: [noteCrash],
          },
          {
            guard: ({ context, event }) =>
              context.placement?.nodeId === event.nodeId &&
              event.epoch === context.placement.epoch &&
              (event.state === "unhealthy") === context.healthy,
            actions: [
              s.enqueueActions(({ context, event, enqueue }) => {
                if (event.type !== "OBSERVED") return;
                const healthy = event.state !== "unhealthy";
                enqueue.assign({ healthy, reason: healthy ? "" : event.detail || "the health check fails" });
                enqueue({
                  type: "effect",
                  params: {
                    kind: "event",
                    type: healthy ? "container.running" : "container.unhealthy",
                    severity: healthy ? "info" : "warning",
                    message: healthy
                      ? `${context.name} answers again`
                      : `${context.name} runs but does not answer: ${event.detail}`,
                    nodeId: event.nodeId,
                  },
                });
              }),
            ],
          },
        ],
        RESTART: { target: "stopping", actions: [s.assign({ restartAfterStop: true })] },
        MIGRATE: { target: "moving", actions: [beginWishedMove] },
        NODE_DEAD: onNodeDead,
        WANT: onWantDown,
      },
    },
    unknown: {
      on: {
        NODE_HEARD: { guard: "isHome", target: "running", actions: [noteHeard] },
        OBSERVED: {
          guard: ({ context, event }) =>
            context.placement?.nodeId === event.nodeId &&
            ((event.state === "exited" && event.epoch === context.placement.epoch) || event.state === "absent"),
          target: "backoff",
          actions: [noteHeard, noteCrash],
        },
        MIGRATE: { target: "moving", actions: [beginWishedMove] },
        NODE_DEAD: onNodeDead,
        WANT: onWantDown,
      },
    },
    lost: {
      entry: [noteLost],
      on: {
        NODE_BACK: { guard: "isHome", target: "starting", actions: [noteNodeBack] },
        MIGRATE: { target: "moving", actions: [beginWishedMove] },
        WANT: [
          { guard: wants("stopped"), target: "stopped", actions: [want] },
          { guard: wants("removed"), target: "removing", actions: [want] },
        ],
      },
    },
    backoff: {
      always: { guard: ({ context }) => context.restarts > RESTARTS_MAX, target: "failed", actions: [giveUp] },
      entry: [awaitRestart],
      on: {
        ...silence,
        DEADLINE: { guard: "isDue", target: "starting" },
        NODE_DEAD: onNodeDead,
        WANT: onWantDown,
      },
    },
    failed: {
      on: {
        ...silence,
        RESTART: { target: "stopping", actions: [s.assign({ restartAfterStop: true, restarts: 0 })] },
        WANT: [
          ...onWantDown,
          {
            guard: wants("running"),
            target: "stopping",
            actions: [want, s.assign({ restartAfterStop: true, restarts: 0 })],
          },
        ],
        NODE_DEAD: onNodeDead,
      },
    },
    stopping: {
      entry: [issueStop],
      always: { guard: ({ context }) => context.placement === null, target: "stopped" },
      on: {
        ...silence,
        COMMAND_OK: [
          {
            guard: ({ context, event }) =>
              context.awaited?.ordinal === event.ordinal && context.restartAfterStop && context.desired === "running",
            target: "starting",
          },
          { guard: "isAwaited", target: "stopped" },
        ],
        COMMAND_FAILED: { guard: "isAwaited", actions: [retryLater] },
        DEADLINE: { guard: "isDue", target: "stopping", reenter: true },
        NODE_DEAD: [
          // The session that ran it has ended, and with it the copy.
          { guard: ({ context }) => context.desired === "stopped", target: "stopped", actions: [noteNodeDead] },
          ...onNodeDead,
        ],
        WANT: [
          { guard: wants("running"), actions: [want, s.assign({ restartAfterStop: true })] },
          { guard: wants("stopped"), actions: [want, s.assign({ restartAfterStop: false })] },
          { guard: wants("removed"), target: "removing", actions: [want] },
        ],
      },
    },
    stopped: {
      entry: [noteStopped],
      on: {
        ...silence,
        NODE_DEAD: [
          // Nothing ties it to the dead node: it may start anywhere.
          {
            guard: ({ context, event }) => context.ha && !context.localData && context.placement?.nodeId === event.nodeId,
            actions: [dropPlacement],
          },
          { guard: "isHome", actions: [noteNodeDead] },
        ],
        NODE_BACK: { guard: "isHome", actions: [noteNodeBack] },
        WANT: [
          { guard: wants("removed"), target: "removing", actions: [want] },
          {
            guard: ({ context, event }) => event.desired === "running" && context.placement?.nodeDead === true,
            target: "lost",
            actions: [want],
          },
          {
            guard: ({ context, event }) => event.desired === "running" && context.placement !== null,
            target: "starting",
            actions: [want],
          },
          { guard: wants("running"), target: "placing", actions: [want] },
        ],
      },
    },
    removing: {
      entry: [issueRemove],
      always: {
        guard: ({ context }) => context.placement === null || context.placement.nodeDead,
        target: "gone",
      },
      on: {
        ...silence,
        COMMAND_OK: { guard: "isAwaited", target: "gone" },
        COMMAND_FAILED: { guard: "isAwaited", actions: [retryLater] },
        DEADLINE: { guard: "isDue", target: "removing", reenter: true },
        NODE_DEAD: { guard: "isHome", target: "gone", actions: [noteNodeDead] },
      },
    },
    gone: { entry: [dropPlacement, noteGone] },
    moving: {
      entry: [s.assign({ awaited: null, deadline: null })],
      on: {
        MOVE_COMPLETED: { target: "running" },
        MOVE_BACK_AT_SOURCE: { target: "running" },
        MOVE_CRASHED_AT_SOURCE: { target: "backoff", actions: [s.assign({ restarts: 1 })] },
        MOVE_NOWHERE: {
          target: "unplaced",
          actions: [dropPlacement, noteNowhere],
        },
        MOVE_DATA_ON_DEAD_NODE: { target: "lost" },
      },
    },
  },
});
