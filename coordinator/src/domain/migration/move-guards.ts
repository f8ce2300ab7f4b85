import { CLOSINGS_MAX } from "../container/command-budget.ts";
import type { ContainerContext } from "../container/container-context.ts";
import { type ContainerEvent, isEnded } from "../container/container-events.ts";

type Args = { readonly context: ContainerContext; readonly event: ContainerEvent };

/** Targets that are tried before a migration fails. */
export const MOVE_ATTEMPTS_MAX = 3;

const isSource = ({ context, event }: Args): boolean =>
  "nodeId" in event && context.move !== null && context.move.sourceNodeId === event.nodeId;
const isTarget = ({ context, event }: Args): boolean =>
  "nodeId" in event && context.move !== null && context.move.targetNodeId === event.nodeId;
const isMoveAwaited = ({ context, event }: Args): boolean =>
  "ordinal" in event && context.moveAwaited !== null && context.moveAwaited.ordinal === event.ordinal;
const isSourceDead = ({ context }: Args): boolean => context.move?.sourceDead === true;
const dataStays = ({ context }: Args): boolean => context.localData && !context.allowDataLoss;
const isTargetCopy = (args: Args): boolean =>
  isTarget(args) && args.event.type === "OBSERVED" && args.event.epoch === args.context.move?.targetEpoch;
const isTargetCopyExited = (args: Args): boolean =>
  isTargetCopy(args) && args.event.type === "OBSERVED" && args.event.state === "exited";

/** The conditions of the migration region. */
export const moveGuards = {
  /** The event is the result of the command that the migration region waits for. */
  isMoveAwaited,
  isMoveDue: ({ context, event }: Args): boolean =>
    event.type === "DEADLINE" && context.moveDeadline?.name === event.name && context.moveDeadline.at === event.due,
  isRetryDue: ({ context, event }: Args): boolean =>
    event.type === "DEADLINE" &&
    event.name === "retry" &&
    context.moveDeadline?.name === event.name &&
    context.moveDeadline.at === event.due,
  isSource,
  isTarget,
  isSourceWithItsData: (args: Args): boolean => isSource(args) && dataStays(args),
  /** The migration begins because the source is dead, and the data is there and nowhere else. */
  isDataOnDeadNode: (args: Args): boolean =>
    args.event.type === "MOVE_BEGIN" && args.event.sourceDead && dataStays(args),
  isSourceDead,
  isSourceHeard: ({ context }: Args): boolean => context.move?.sourceSilent === false,
  isSourceUnreachable: ({ context }: Args): boolean =>
    context.move !== null && (context.move.sourceDead || context.move.sourceSilent),
  isMoveAwaitedAndSourceDead: (args: Args): boolean => isMoveAwaited(args) && isSourceDead(args),
  /** The copy at the source ends although nobody has stopped it yet. */
  isSourceCopyGone: (args: Args): boolean =>
    isSource(args) &&
    args.event.type === "OBSERVED" &&
    args.context.move?.downSince === null &&
    args.context.move.downtimeMs === null &&
    isEnded(args.event, args.context.move.sourceEpoch),
  isSourceCopyExited: (args: Args): boolean =>
    isSource(args) &&
    args.event.type === "OBSERVED" &&
    args.event.state === "exited" &&
    args.event.epoch === args.context.move?.sourceEpoch,
  isTargetCopyThere: (args: Args): boolean =>
    isTargetCopy(args) && args.event.type === "OBSERVED" && !isEnded(args.event, args.event.epoch),
  isTargetCopyExited,
  isTargetCopyGone: (args: Args): boolean =>
    isTarget(args) && args.event.type === "OBSERVED" && isEnded(args.event, args.context.move?.targetEpoch),
  isVerified: ({ context }: Args): boolean => context.move?.verified === true,
  isNothingAtTarget: ({ context }: Args): boolean =>
    context.move?.targetNodeId === null || context.move?.targetDead === true,
  /**
   * The target confirms no removal, and nothing was ever started there: what it prepared goes with its next inventory. A
   * target that was commanded to start something is never given up like this: its copy may run.
   */
  isClosingGivenUp: ({ context }: Args): boolean =>
    context.move !== null && context.move.targetEpoch === null && context.move.closings >= CLOSINGS_MAX,
  isHeldForMore: ({ context, event }: Args): boolean =>
    event.type === "HELD" && context.move !== null && context.move.heldFor !== event.reason,
  isCancelled: ({ context }: Args): boolean => context.move?.cancelled != null,
  isNotCancelled: ({ context }: Args): boolean => context.move?.cancelled === null,
  isDataLost: (args: Args): boolean => isSourceDead(args) && args.context.move?.error?.code === "data_on_dead_node",
  mayTryAnotherTarget: (args: Args): boolean =>
    isSourceDead(args) &&
    args.context.move !== null &&
    args.context.move.cancelled === null &&
    args.context.move.targetNodeId !== null &&
    args.context.move.attempts < MOVE_ATTEMPTS_MAX,
  /** The source was never stopped, so its copy still serves. */
  isStillServing: ({ context }: Args): boolean => context.move?.downSince === null,
};
