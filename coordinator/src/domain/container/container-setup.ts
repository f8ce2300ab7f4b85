import { setup } from "xstate";
import { type ContainerContext, type ContainerInput, freshContainer } from "./container-context.ts";
import type { ContainerEffect } from "./container-effects.ts";
import type { ContainerEvent } from "./container-events.ts";
import { containerGuards } from "./container-guards.ts";

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
  guards: containerGuards,
});

/** The first context of a container's actor. */
export const containerContext = ({ input }: { input: ContainerInput }): ContainerContext => freshContainer(input);
