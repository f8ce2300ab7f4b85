import type { ContainerContext } from "../container/container-context.ts";
import type { ContainerEvent } from "../container/container-events.ts";
import { containerSetup as s } from "../container/container-setup.ts";
import {
  beginMove,
  choose,
  commitMove,
  endCompleted,
  endFailed,
  giveTargetUp,
  issue,
  MOVE_ATTEMPTS_MAX,
  noTarget,
  noteDataOnDeadNode,
  noteFailure,
  noteMove,
  noteSourceDead,
  noteStopping,
  noteTargetDead,
  raiseAgain,
  retryStepLater,
  step,
  takeTarget,
} from "./migration-actions.ts";

type Args = { context: ContainerContext; event: ContainerEvent };

const isSource = ({ context, event }: Args) => "nodeId" in event && context.move?.sourceNodeId === event.nodeId;
const isTarget = ({ context, event }: Args) => "nodeId" in event && context.move?.targetNodeId === event.nodeId;
const dataStays = (context: ContainerContext) => context.localData && !context.allowDataLoss;
const sourceDead = ({ context }: { context: ContainerContext }) => context.move?.sourceDead === true;
const isTargetCopy = ({ context, event }: Args) =>
  event.type === "OBSERVED" && event.nodeId === context.move?.targetNodeId && event.epoch === context.move.targetEpoch;

/** The source's session ends while the move is planned: from now on it is a failover. */
const sourceDies = [
  { guard: (args: Args) => isSource(args) && dataStays(args.context), target: "#rollingBack", actions: [noteSourceDead, noteDataOnDeadNode] },
  { guard: isSource, actions: [noteSourceDead] },
];
const targetDies = { guard: isTarget, target: "#rollingBack", actions: [noteTargetDead] };
const failed = { guard: "isMoveAwaited" as const, target: "#rollingBack", actions: [noteFailure] };
const overdue = { guard: "isMoveDue" as const, target: "#rollingBack", actions: [noteFailure] };

const begin = {
  MOVE_BEGIN: [
    {
      guard: ({ context, event }: Args) => event.type === "MOVE_BEGIN" && event.sourceDead && dataStays(context),
      target: "#failed",
      actions: [beginMove, noteDataOnDeadNode, endFailed("MOVE_DATA_ON_DEAD_NODE")],
    },
    { target: "#migrating", actions: [beginMove] },
  ],
};

/**
 * One attempt after another to move an HA container: idle → migrating → completed or failed, both of which rest until the
 * next. A planned move prepares while the source still runs; a dead source skips what it must. Before a new copy starts,
 * every holder of an older epoch is closed: its stop is confirmed, or its session has ended.
 */
export const migrationRegion = s.createStateConfig({
  initial: "idle",
  states: {
    idle: { on: begin },
    completed: { id: "completed", on: begin },
    failed: { id: "failed", on: begin },
    migrating: {
      id: "migrating",
      initial: "choosing",
      on: {
        NODE_SILENT: { guard: isSource, actions: [noteMove(() => ({ sourceSilent: true }))] },
        NODE_HEARD: { guard: isSource, actions: [noteMove(() => ({ sourceSilent: false }))] },
      },
      states: {
        choosing: {
          id: "choosing",
          entry: [step("choosing"), choose],
          on: {
            PLACED: [
              {
                guard: ({ context }) => context.move?.sourceDead === true || context.move?.sourceSilent === true,
                target: "fencing",
                actions: [takeTarget],
              },
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
          ],
          always: [
            { guard: sourceDead, target: "preparing" },
            { guard: ({ context }) => context.move?.sourceSilent === false, target: "preparing" },
          ],
          on: { NODE_DEAD: [...sourceDies, targetDies] },
        },
        preparing: {
          entry: [step("preparing"), issue("prepare", "target")],
          on: {
            COMMAND_OK: [
              { guard: (args) => args.context.moveAwaited?.ordinal === args.event.ordinal && sourceDead(args), target: "starting" },
              { guard: "isMoveAwaited", target: "stopping_source" },
            ],
            COMMAND_FAILED: failed,
            DEADLINE: overdue,
            NODE_DEAD: [...sourceDies, targetDies],
          },
        },
        stopping_source: {
          entry: [step("stopping_source"), noteStopping, issue("stop", "source")],
          always: { guard: sourceDead, target: "starting" },
          on: {
            COMMAND_OK: {
              guard: "isMoveAwaited",
              target: "transferring",
              actions: [noteMove(() => ({ sourceStopped: true }))],
            },
            COMMAND_FAILED: failed,
            DEADLINE: overdue,
            NODE_DEAD: [...sourceDies, targetDies],
          },
        },
        transferring: {
          entry: [step("transferring", (context) => (context.localData ? "data on local volumes is left behind, as allowed" : "no data to copy"))],
          always: { target: "starting" },
        },
        starting: {
          entry: [step("starting"), issue("start", "target")],
          on: {
            OBSERVED: { guard: (args) => isTargetCopy(args) && args.event.state !== "exited" && args.event.state !== "absent", target: "verifying" },
            COMMAND_OK: {
              guard: "isMoveAwaited",
              target: "verifying",
              actions: [noteMove(() => ({ verified: true }))],
            },
            COMMAND_FAILED: failed,
            DEADLINE: overdue,
            NODE_DEAD: [...sourceDies, targetDies],
          },
        },
        verifying: {
          entry: [step("verifying", () => "waiting for the health check")],
          always: { guard: ({ context }) => context.move?.verified === true, target: "committing" },
          on: {
            COMMAND_OK: { guard: "isMoveAwaited", actions: [noteMove(() => ({ verified: true }))] },
            COMMAND_FAILED: failed,
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
          always: { guard: sourceDead, target: "#completed", actions: [endCompleted] },
          on: {
            COMMAND_OK: { guard: "isMoveAwaited", target: "#completed", actions: [endCompleted] },
            // The new copy serves; what the source could not remove now goes with its next inventory.
            COMMAND_FAILED: { guard: "isMoveAwaited", target: "#completed", actions: [endCompleted] },
            DEADLINE: { guard: "isMoveDue", target: "#completed", actions: [endCompleted] },
            OBSERVED: {
              guard: (args) => isTargetCopy(args) && (args.event.state === "exited" || args.event.state === "absent"),
              target: "#completed",
              actions: [endCompleted, raiseAgain],
            },
            NODE_DEAD: [
              { guard: isTarget, target: "#completed", actions: [endCompleted, raiseAgain] },
              { guard: isSource, target: "#completed", actions: [endCompleted] },
            ],
          },
        },
        rolling_back: {
          id: "rollingBack",
          initial: "closing_target",
          entry: [step("rolling_back", (context) => context.move?.error?.message ?? "")],
          states: {
            // The target must be closed before the source may start again.
            closing_target: {
              entry: [
                s.enqueueActions(({ context, enqueue }) => {
                  const move = context.move;
                  if (move?.targetNodeId && !move.targetDead) enqueue(issue("remove", "target"));
                }),
              ],
              always: {
                guard: ({ context }) => context.move?.targetNodeId === null || context.move?.targetDead === true,
                target: "restoring",
              },
              on: {
                COMMAND_OK: { guard: "isMoveAwaited", target: "restoring" },
                COMMAND_FAILED: { guard: "isMoveAwaited", actions: [retryStepLater] },
                DEADLINE: { guard: "isMoveDue", target: "closing_target", reenter: true },
                NODE_DEAD: [
                  { guard: isTarget, target: "restoring", actions: [noteMove(() => ({ targetDead: true }))] },
                  { guard: isSource, actions: [noteSourceDead] },
                ],
              },
            },
            restoring: {
              always: [
                {
                  guard: ({ context }) => context.move?.sourceDead === true && context.move.error?.code === "data_on_dead_node",
                  target: "#failed",
                  actions: [endFailed("MOVE_DATA_ON_DEAD_NODE")],
                },
                {
                  guard: ({ context }) =>
                    context.move?.sourceDead === true &&
                    context.move.targetNodeId !== null &&
                    context.move.attempts < MOVE_ATTEMPTS_MAX,
                  target: "#choosing",
                  actions: [giveTargetUp],
                },
                { guard: sourceDead, target: "#failed", actions: [endFailed("MOVE_NOWHERE")] },
                {
                  guard: ({ context }) => context.move?.downSince === null,
                  target: "#failed",
                  actions: [endFailed("MOVE_BACK_AT_SOURCE")],
                },
                { target: "restarting_source" },
              ],
            },
            restarting_source: {
              entry: [issue("start", "source")],
              on: {
                COMMAND_OK: { guard: "isMoveAwaited", target: "#failed", actions: [endFailed("MOVE_BACK_AT_SOURCE")] },
                COMMAND_FAILED: {
                  guard: "isMoveAwaited",
                  target: "#failed",
                  actions: [endFailed("MOVE_CRASHED_AT_SOURCE")],
                },
                DEADLINE: { guard: "isMoveDue", target: "#failed", actions: [endFailed("MOVE_CRASHED_AT_SOURCE")] },
                NODE_DEAD: { guard: isSource, target: "restoring", actions: [noteSourceDead] },
              },
            },
          },
        },
      },
    },
  },
});
