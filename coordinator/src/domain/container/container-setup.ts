import { setup } from "xstate";
import { type ContainerContext, type ContainerInput, freshContainer } from "./container-context.ts";
import type { ContainerEffect } from "./container-effects.ts";
import type { ContainerEvent } from "./container-events.ts";
import { mayStartElsewhere } from "./start-place.ts";

/** The vocabulary that the two regions of a container's statechart share. */
export const containerSetup = setup({
  types: {
    context: {} as ContainerContext,
    events: {} as ContainerEvent,
    input: {} as ContainerInput,
  },
  actions: {
    // An effect is data for the runtime; carrying it out here would act before the commit.
    effect: (_: unknown, _effect: ContainerEffect) => {},
  },
  guards: {
    /** The event is the result of the command that the life region waits for. */
    isAwaited: ({ context, event }) => "ordinal" in event && context.awaited?.ordinal === event.ordinal,
    /** The event is the result of the command that the migration region waits for. */
    isMoveAwaited: ({ context, event }) => "ordinal" in event && context.moveAwaited?.ordinal === event.ordinal,
    isDue: ({ context, event }) =>
      event.type === "DEADLINE" && context.deadline?.name === event.name && context.deadline.at === event.due,
    isMoveDue: ({ context, event }) =>
      event.type === "DEADLINE" && context.moveDeadline?.name === event.name && context.moveDeadline.at === event.due,
    isHome: ({ context, event }) => "nodeId" in event && context.placement?.nodeId === event.nodeId,
    isPlaced: ({ context }) => context.placement !== null,
    isAwaitedAndMayStartElsewhere: ({ context, event }) =>
      event.type === "COMMAND_FAILED" &&
      context.awaited?.ordinal === event.ordinal &&
      mayStartElsewhere(context, event.code),
    /** The event speaks of the newest copy, not of one that was replaced. */
    isCurrentCopy: ({ context, event }) =>
      event.type === "OBSERVED" &&
      context.placement?.nodeId === event.nodeId &&
      (event.state === "absent" || event.epoch === context.placement.epoch),
  },
});

/** The first context of a container's actor. */
export const containerContext = ({ input }: { input: ContainerInput }): ContainerContext => freshContainer(input);
