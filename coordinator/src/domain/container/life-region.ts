import { containerSetup as s } from "./container-setup.ts";
import { issueInstall, noteInstalled, noteInstallFailed, restartIfWanted } from "./install-actions.ts";
import {
  avoidThisPlace,
  awaitRestart,
  dropPlacement,
  giveUp,
  issueRemove,
  issueStart,
  issueStop,
  issueVacate,
  noPlace,
  noteCrash,
  noteGone,
  noteHealth,
  noteHeard,
  noteLost,
  noteNodeBack,
  noteNodeDead,
  noteRunning,
  noteSilent,
  noteStopped,
  noteUnknown,
  place,
  remake,
  retryLater,
  takePlace,
  tryEveryNodeAgain,
  want,
} from "./life-actions.ts";
import {
  beginAutomaticMove,
  beginMoveAgain,
  beginMoveAway,
  beginWishedMove,
  beginWishedMoveWhileDown,
  crashedAtSource,
  noteStranded,
} from "./move-actions.ts";

/** A dead node takes the container along, or leaves it waiting; the same from every state in which it should run. */
const onNodeDead = [
  { guard: "movesByItself", target: "moving", actions: [noteNodeDead, beginAutomaticMove] },
  { guard: "isHome", target: "lost", actions: [noteNodeDead] },
] as const;

const onWantDown = [
  { guard: "wantsStopped", target: "stopping", actions: [want] },
  { guard: "wantsRemoved", target: "removing", actions: [want] },
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
        CREATED: [{ guard: "isDesiredRunning", target: "placing" }, { target: "stopped" }],
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
        REMAKE: { actions: [remake] },
        ROOM: { target: "placing" },
        WANT: [
          { guard: "wantsStopped", target: "stopped", actions: [want] },
          { guard: "wantsRemoved", target: "removing", actions: [want] },
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
        // Its result may be of before: what started and ended while nobody listened was a start all the same.
        OBSERVED: { guard: "isCopyExited", target: "backoff", actions: [noteCrash] },
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
          { guard: "isCopyGone", target: "backoff", actions: [noteCrash] },
          { guard: "isHealthChanged", actions: [noteHealth] },
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
        OBSERVED: { guard: "isCopyGone", target: "backoff", actions: [noteHeard, noteCrash] },
        MIGRATE: { target: "moving", actions: [beginWishedMove] },
        NODE_DEAD: onNodeDead,
        WANT: onWantDown,
      },
    },
    // Its node is dead, and so far no other could take it: room, the time of the next try or its node end the wait.
    stranded: {
      entry: [noteStranded],
      on: {
        ROOM: { target: "moving", actions: [beginMoveAgain] },
        DEADLINE: { guard: "isDue", target: "moving", actions: [beginMoveAgain] },
        NODE_BACK: { guard: "isHome", target: "starting", actions: [noteNodeBack] },
        MIGRATE: { target: "moving", actions: [beginWishedMoveWhileDown] },
        WANT: [
          { guard: "wantsStoppedAndLeft", target: "stopped", actions: [want, dropPlacement] },
          { guard: "wantsStopped", target: "stopped", actions: [want] },
          { guard: "wantsRemoved", target: "removing", actions: [want] },
        ],
      },
    },
    lost: {
      entry: [noteLost],
      on: {
        NODE_BACK: { guard: "isHome", target: "starting", actions: [noteNodeBack] },
        MIGRATE: { target: "moving", actions: [beginWishedMoveWhileDown] },
        WANT: [
          { guard: "wantsStopped", target: "stopped", actions: [want] },
          { guard: "wantsRemoved", target: "removing", actions: [want] },
        ],
      },
    },
    backoff: {
      always: { guard: "isGivenUp", target: "failed", actions: [giveUp] },
      entry: [awaitRestart],
      on: {
        ...silence,
        DEADLINE: { guard: "isDue", target: "starting" },
        MOVE_AWAY: { guard: "isWornOut", target: "moving", actions: [beginMoveAway] },
        MIGRATE: { target: "moving", actions: [beginWishedMoveWhileDown] },
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
            guard: "wantsRunning",
            target: "stopping",
            actions: [want, s.assign({ restartAfterStop: true, restarts: 0 })],
          },
        ],
        MIGRATE: { target: "moving", actions: [beginWishedMoveWhileDown] },
        NODE_DEAD: onNodeDead,
      },
    },
    stopping: {
      entry: [issueStop],
      always: { guard: "isNowhere", target: "stopped" },
      on: {
        ...silence,
        COMMAND_OK: [
          { guard: "isAwaitedBeforeRestart", target: "starting" },
          { guard: "isAwaited", target: "stopped" },
        ],
        COMMAND_FAILED: { guard: "isAwaited", actions: [retryLater] },
        DEADLINE: { guard: "isDue", target: "stopping", reenter: true },
        NODE_DEAD: [
          // The session that ran it has ended, and with it the copy.
          { guard: "isHomeToBeLeft", target: "stopped", actions: [dropPlacement] },
          { guard: "isHomeToBeStopped", target: "stopped", actions: [noteNodeDead] },
          ...onNodeDead,
        ],
        WANT: [
          { guard: "wantsRunning", actions: [want, s.assign({ restartAfterStop: true })] },
          // The stop under way may hang: another one is sent, which cuts its grace.
          {
            guard: "wantsKilled",
            target: "stopping",
            reenter: true,
            actions: [want, s.assign({ restartAfterStop: false })],
          },
          { guard: "wantsStopped", actions: [want, s.assign({ restartAfterStop: false })] },
          { guard: "wantsRemoved", target: "removing", actions: [want] },
        ],
      },
    },
    // Its install script runs once more, and nothing else of it. A start that is wished meanwhile comes after it.
    installing: {
      entry: [issueInstall],
      on: {
        ...silence,
        COMMAND_OK: [
          { guard: "isAwaitedAndWanted", target: "starting", actions: [noteInstalled] },
          { guard: "isAwaited", target: "stopped", actions: [noteInstalled] },
        ],
        // Nobody knows for certain what runs there: the stop closes its epoch, and what is wished comes after it.
        COMMAND_FAILED: { guard: "isAwaited", target: "stopping", actions: [noteInstallFailed, restartIfWanted] },
        DEADLINE: { guard: "isDue", target: "stopping", actions: [noteInstallFailed, restartIfWanted] },
        NODE_DEAD: [
          { guard: "isHomeToBeLeft", target: "stopped", actions: [noteInstallFailed, dropPlacement] },
          { guard: "isHomeToBeStopped", target: "stopped", actions: [noteInstallFailed, noteNodeDead] },
          { guard: "movesByItself", target: "moving", actions: [noteInstallFailed, noteNodeDead, beginAutomaticMove] },
          { guard: "isHome", target: "lost", actions: [noteInstallFailed, noteNodeDead] },
        ],
        WANT: [
          { guard: "wantsRemoved", target: "removing", actions: [noteInstallFailed, want] },
          { guard: "wantsRunning", actions: [want] },
          // The stop ends the script and closes its epoch.
          { guard: "wantsStopped", target: "stopping", actions: [noteInstallFailed, want] },
        ],
      },
    },
    stopped: {
      entry: [noteStopped],
      on: {
        ...silence,
        NODE_DEAD: [
          // Nothing ties it to the dead node: it may start anywhere.
          { guard: "isHomeToBeLeft", actions: [dropPlacement] },
          { guard: "isHome", actions: [noteNodeDead] },
        ],
        NODE_BACK: { guard: "isHome", actions: [noteNodeBack] },
        // Of a standard container a copy may run on a node that was only cut off; of one that is HA now it must not.
        REMAKE: { guard: "isOnNoDeadNode", actions: [remake] },
        REINSTALL: { guard: "isPlacedAlive", target: "installing" },
        WANT: [
          { guard: "wantsRemoved", target: "removing", actions: [want] },
          { guard: "wantsRunningOnDeadNode", target: "lost", actions: [want] },
          { guard: "wantsRunningInPlace", target: "starting", actions: [want] },
          { guard: "wantsRunning", target: "placing", actions: [want] },
        ],
      },
    },
    removing: {
      entry: [issueRemove],
      always: { guard: "isNowhereAlive", target: "gone" },
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
        MOVE_BACK_AT_SOURCE: [
          { guard: "isHomeSilent", target: "unknown", actions: [noteUnknown] },
          { target: "running" },
        ],
        MOVE_CRASHED_AT_SOURCE: { target: "backoff", actions: [crashedAtSource] },
        MOVE_NOWHERE: [{ guard: "isMovedAgain", target: "stranded" }, { target: "lost" }],
        MOVE_DATA_ON_DEAD_NODE: { target: "lost" },
      },
    },
  },
});
