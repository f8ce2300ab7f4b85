import { moveGuards } from "../migration/move-guards.ts";
import { RESTARTS_MAX } from "./command-budget.ts";
import type { ContainerContext, DesiredState } from "./container-context.ts";
import { type ContainerEvent, isEnded } from "./container-events.ts";
import { isWornOut, mayStartElsewhere } from "./start-place.ts";

type Args = { readonly context: ContainerContext; readonly event: ContainerEvent };

const isHome = ({ context, event }: Args): boolean =>
  "nodeId" in event && context.placement !== null && context.placement.nodeId === event.nodeId;
const isAwaited = ({ context, event }: Args): boolean =>
  "ordinal" in event && context.awaited !== null && context.awaited.ordinal === event.ordinal;
const isCopyExited = (args: Args): boolean =>
  isHome(args) &&
  args.event.type === "OBSERVED" &&
  args.event.state === "exited" &&
  args.event.epoch === args.context.placement?.epoch;
const wants =
  (desired: DesiredState) =>
  ({ event }: Args): boolean =>
    event.type === "WANT" && event.desired === desired;

/** The conditions of a container's statechart, by the names under which they are drawn. */
export const containerGuards = {
  ...moveGuards,
  /** The event is the result of the command that the life region waits for. */
  isAwaited,
  isAwaitedAndMayStartElsewhere: (args: Args): boolean =>
    isAwaited(args) && args.event.type === "COMMAND_FAILED" && mayStartElsewhere(args.context, args.event.code),
  isAwaitedBeforeRestart: (args: Args): boolean =>
    isAwaited(args) && args.context.restartAfterStop && args.context.desired === "running",
  isDue: ({ context, event }: Args): boolean =>
    event.type === "DEADLINE" && context.deadline?.name === event.name && context.deadline.at === event.due,
  /** The event is about the node where the container is placed. */
  isHome,
  isPlacedAlive: ({ context }: Args): boolean => context.placement?.nodeDead === false,
  isAwaitedAndWanted: (args: Args): boolean => isAwaited(args) && args.context.desired === "running",
  isPlaced: ({ context }: Args): boolean => context.placement !== null,
  isNowhere: ({ context }: Args): boolean => context.placement === null,
  isNowhereAlive: ({ context }: Args): boolean => context.placement === null || context.placement.nodeDead,
  isOnNoDeadNode: ({ context }: Args): boolean => !context.placement?.nodeDead,
  isHomeSilent: ({ context }: Args): boolean => context.placement?.nodeSilent === true,
  /** The newest copy has ended; of a copy that was replaced this may be said without meaning anything. */
  isCopyExited,
  isCopyGone: (args: Args): boolean =>
    isHome(args) && args.event.type === "OBSERVED" && isEnded(args.event, args.context.placement?.epoch),
  /** Its health check says of the newest copy what it did not say before. */
  isHealthChanged: (args: Args): boolean =>
    isHome(args) &&
    args.event.type === "OBSERVED" &&
    args.event.epoch === args.context.placement?.epoch &&
    (args.event.state === "unhealthy") === args.context.healthy,
  isGivenUp: ({ context }: Args): boolean => context.restarts > RESTARTS_MAX,
  isDesiredRunning: ({ context }: Args): boolean => context.desired === "running",
  wantsRunning: wants("running"),
  wantsRunningOnDeadNode: (args: Args): boolean => wants("running")(args) && args.context.placement?.nodeDead === true,
  wantsRunningInPlace: (args: Args): boolean => wants("running")(args) && args.context.placement !== null,
  wantsStopped: wants("stopped"),
  /** Wanted stopped without a grace. */
  wantsKilled: (args: Args): boolean => wants("stopped")(args) && args.event.type === "WANT" && !!args.event.atOnce,
  /** And nothing ties it to its node. */
  wantsStoppedAndLeft: (args: Args): boolean => wants("stopped")(args) && !args.context.localData,
  /** It has crashed as often as it may on one node. */
  isWornOut: ({ context }: Args): boolean => isWornOut(context),
  /** The migration that failed is tried again by itself. */
  isMovedAgain: ({ event }: Args): boolean => event.type === "MOVE_NOWHERE" && event.again,
  wantsRemoved: wants("removed"),
  /** Its node died, and the cluster's policy moves it. */
  movesByItself: (args: Args): boolean =>
    isHome(args) &&
    args.event.type === "NODE_DEAD" &&
    args.event.autoMigrate &&
    args.context.ha &&
    args.context.desired === "running",
  isHomeToBeStopped: (args: Args): boolean => isHome(args) && args.context.desired === "stopped",
  /** Wanted stopped, and nothing ties it to this node: when it is wanted again it may start anywhere. */
  isHomeToBeLeft: (args: Args): boolean =>
    isHome(args) && args.context.desired === "stopped" && args.context.ha && !args.context.localData,
};
