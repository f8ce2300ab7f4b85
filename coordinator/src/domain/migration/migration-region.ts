import { containerSetup as s } from "../container/container-setup.ts";
import {
  awaitFencing,
  beginMove,
  choose,
  commitMove,
  countClosing,
  giveTargetUp,
  hold,
  issue,
  noTarget,
  noteCancelled,
  noteDataOnDeadNode,
  noteFailure,
  noteFencingTimeout,
  noteMove,
  noteQueueTimeout,
  noteSourceDead,
  noteStopping,
  noteTargetDead,
  queueUp,
  raiseAgain,
  retryClosing,
  step,
  takeTarget,
} from "./migration-actions.ts";
import { endCompleted, endUndone, forgetMove } from "./migration-ends.ts";

/** The source's session ends while the move is planned: from now on it is a failover. */
const sourceDies = [
  { guard: "isSourceWithItsData", target: "#rollingBack", actions: [noteSourceDead, noteDataOnDeadNode] },
  { guard: "isSource", actions: [noteSourceDead] },
] as const;
const targetDies = { guard: "isTarget", target: "#rollingBack", actions: [noteTargetDead] } as const;
const failed = { guard: "isMoveAwaited", target: "#rollingBack", actions: [noteFailure] } as const;
const overdue = { guard: "isMoveDue", target: "#rollingBack", actions: [noteFailure] } as const;

/** Until the container is committed to its target the way back is open. */
const cancel = { guard: "isNotCancelled", target: "#rollingBack", actions: [noteCancelled] } as const;

const begin = {
  MOVE_BEGIN: [
    {
      guard: "isDataOnDeadNode",
      target: "#undone",
      actions: [beginMove, noteDataOnDeadNode, endUndone("MOVE_DATA_ON_DEAD_NODE")],
    },
    { target: "#migrating", actions: [beginMove] },
  ],
} as const;

/**
 * One attempt after another to move an HA container: idle → migrating → completed, failed or cancelled, which rest until the
 * next. The queue (runtime/migration-queue.ts) says when one may begin. A planned move prepares while the source still runs; a dead source skips what it must. Before a new copy starts,
 * every holder of an older epoch is closed: its stop is confirmed, or its session has ended.
 */
export const migrationRegion = s.createStateConfig({
  initial: "idle",
  states: {
    idle: { on: begin },
    completed: { id: "completed", on: begin },
    failed: { id: "failed", on: begin },
    cancelled: { id: "cancelled", on: begin },
    // Left at once: what became of a migration that did not take place.
    undone: {
      id: "undone",
      always: [{ guard: "isCancelled", target: "cancelled" }, { target: "failed" }],
      exit: [forgetMove],
    },
    migrating: {
      id: "migrating",
      initial: "queued",
      on: {
        NODE_SILENT: { guard: "isSource", actions: [noteMove(() => ({ sourceSilent: true }))] },
        // Where the migration ends at the source, its copy has to be started again.
        OBSERVED: { guard: "isSourceCopyGone", actions: [noteStopping] },
        NODE_HEARD: { guard: "isSource", actions: [noteMove(() => ({ sourceSilent: false }))] },
        // A dead source is there again, in a new session in which nothing runs: the way back leads to it once more.
        NODE_BACK: { guard: "isSource", actions: [noteMove(() => ({ sourceDead: false, sourceSilent: false }))] },
      },
      states: {
        queued: {
          id: "queued",
          entry: [queueUp],
          on: {
            ADMITTED: { target: "choosing" },
            HELD: { guard: "isHeldForMore", actions: [hold] },
            CANCEL: cancel,
            DEADLINE: { guard: "isMoveDue", target: "rolling_back", actions: [noteQueueTimeout] },
            NODE_DEAD: sourceDies,
          },
        },
        choosing: {
          entry: [step("choosing"), choose],
          on: {
            PLACED: [
              { guard: "isSourceUnreachable", target: "fencing", actions: [takeTarget] },
              { target: "preparing", actions: [takeTarget] },
            ],
            NO_PLACE: { target: "rolling_back", actions: [noTarget] },
          },
        },
        fencing: {
          entry: [
            step("fencing", (context) =>
              context.move?.sourceDead
                ? "the source's session is over, nothing of it runs any more"
                : "waiting until the silent source's lease is over",
            ),
            awaitFencing,
          ],
          always: [
            { guard: "isSourceDead", target: "preparing" },
            { guard: "isSourceHeard", target: "preparing" },
          ],
          on: {
            CANCEL: cancel,
            DEADLINE: { guard: "isMoveDue", target: "rolling_back", actions: [noteFencingTimeout] },
            NODE_DEAD: [...sourceDies, targetDies],
          },
        },
        preparing: {
          entry: [step("preparing"), issue("prepare", "target")],
          on: {
            COMMAND_OK: [
              { guard: "isMoveAwaitedAndSourceDead", target: "starting" },
              { guard: "isMoveAwaited", target: "stopping_source" },
            ],
            COMMAND_FAILED: failed,
            CANCEL: cancel,
            DEADLINE: overdue,
            NODE_DEAD: [...sourceDies, targetDies],
          },
        },
        stopping_source: {
          entry: [step("stopping_source"), noteStopping, issue("stop", "source")],
          always: { guard: "isSourceDead", target: "starting" },
          on: {
            COMMAND_OK: {
              guard: "isMoveAwaited",
              target: "transferring",
              actions: [noteMove(() => ({ sourceStopped: true }))],
            },
            COMMAND_FAILED: failed,
            CANCEL: cancel,
            DEADLINE: overdue,
            NODE_DEAD: [...sourceDies, targetDies],
          },
        },
        transferring: {
          entry: [
            step("transferring", (context) =>
              context.localData ? "data on local volumes is left behind, as allowed" : "no data to copy",
            ),
          ],
          always: { target: "starting" },
        },
        starting: {
          entry: [step("starting"), issue("start", "target")],
          on: {
            OBSERVED: [
              { guard: "isTargetCopyThere", target: "verifying" },
              { guard: "isTargetCopyExited", target: "#rollingBack", actions: [noteFailure] },
            ],
            COMMAND_OK: {
              guard: "isMoveAwaited",
              target: "verifying",
              actions: [noteMove(() => ({ verified: true }))],
            },
            COMMAND_FAILED: failed,
            CANCEL: cancel,
            DEADLINE: overdue,
            NODE_DEAD: [...sourceDies, targetDies],
          },
        },
        verifying: {
          entry: [step("verifying", () => "waiting for the health check")],
          always: { guard: "isVerified", target: "committing" },
          on: {
            OBSERVED: { guard: "isTargetCopyGone", target: "#rollingBack", actions: [noteFailure] },
            COMMAND_OK: { guard: "isMoveAwaited", actions: [noteMove(() => ({ verified: true }))] },
            COMMAND_FAILED: failed,
            CANCEL: cancel,
            DEADLINE: overdue,
            NODE_DEAD: [...sourceDies, targetDies],
          },
        },
        committing: {
          entry: [step("committing"), commitMove],
          always: { target: "cleaning_up" },
        },
        cleaning_up: {
          entry: [
            step("cleaning_up", (context) =>
              context.move?.sourceDead ? "the dead source is cleaned when it returns" : "",
            ),
            s.enqueueActions(({ context, enqueue }) => {
              if (!context.move?.sourceDead) enqueue(issue("remove", "source"));
            }),
          ],
          always: { guard: "isSourceDead", target: "#completed", actions: [endCompleted] },
          on: {
            COMMAND_OK: { guard: "isMoveAwaited", target: "#completed", actions: [endCompleted] },
            // The new copy serves; what the source could not remove now goes with its next inventory.
            COMMAND_FAILED: { guard: "isMoveAwaited", target: "#completed", actions: [endCompleted] },
            DEADLINE: { guard: "isMoveDue", target: "#completed", actions: [endCompleted] },
            OBSERVED: { guard: "isTargetCopyGone", target: "#completed", actions: [endCompleted, raiseAgain] },
            NODE_DEAD: [
              { guard: "isTarget", target: "#completed", actions: [endCompleted, raiseAgain] },
              { guard: "isSource", target: "#completed", actions: [endCompleted] },
            ],
          },
        },
        rolling_back: {
          id: "rollingBack",
          initial: "closing_target",
          entry: [step("rolling_back", (context) => context.move?.error?.message ?? "")],
          on: { CANCEL: { guard: "isNotCancelled", actions: [noteCancelled] } },
          states: {
            // The target must be closed before the source may start again.
            closing_target: {
              entry: [
                s.enqueueActions(({ context, enqueue }) => {
                  const move = context.move;
                  if (move?.targetNodeId && !move.targetDead) enqueue(issue("remove", "target"));
                }),
              ],
              always: [
                { guard: "isNothingAtTarget", target: "restoring" },
                { guard: "isClosingGivenUp", target: "restoring" },
              ],
              on: {
                COMMAND_OK: { guard: "isMoveAwaited", target: "restoring" },
                COMMAND_FAILED: { guard: "isMoveAwaited", actions: [retryClosing] },
                DEADLINE: [
                  { guard: "isRetryDue", target: "closing_target", reenter: true },
                  { guard: "isMoveDue", target: "closing_target", reenter: true, actions: [countClosing] },
                ],
                NODE_DEAD: [
                  { guard: "isTarget", target: "restoring", actions: [noteMove(() => ({ targetDead: true }))] },
                  { guard: "isSource", actions: [noteSourceDead] },
                ],
              },
            },
            restoring: {
              always: [
                {
                  guard: "isDataLost",
                  target: "#undone",
                  actions: [endUndone("MOVE_DATA_ON_DEAD_NODE")],
                },
                { guard: "mayTryAnotherTarget", target: "#queued", actions: [giveTargetUp] },
                { guard: "isSourceDead", target: "#undone", actions: [endUndone("MOVE_NOWHERE")] },
                { guard: "isStillServing", target: "#undone", actions: [endUndone("MOVE_BACK_AT_SOURCE")] },
                { target: "restarting_source" },
              ],
            },
            restarting_source: {
              entry: [issue("start", "source")],
              on: {
                COMMAND_OK: { guard: "isMoveAwaited", target: "#undone", actions: [endUndone("MOVE_BACK_AT_SOURCE")] },
                COMMAND_FAILED: {
                  guard: "isMoveAwaited",
                  target: "#undone",
                  actions: [endUndone("MOVE_CRASHED_AT_SOURCE")],
                },
                OBSERVED: {
                  guard: "isSourceCopyExited",
                  target: "#undone",
                  actions: [endUndone("MOVE_CRASHED_AT_SOURCE")],
                },
                DEADLINE: { guard: "isMoveDue", target: "#undone", actions: [endUndone("MOVE_CRASHED_AT_SOURCE")] },
                NODE_DEAD: { guard: "isSource", target: "restoring", actions: [noteSourceDead] },
              },
            },
          },
        },
      },
    },
  },
});
