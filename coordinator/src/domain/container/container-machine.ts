import type { SnapshotFrom } from "xstate";
import { migrationRegion } from "../migration/migration-region.ts";
import { containerContext, containerSetup } from "./container-setup.ts";
import { tune } from "./life-actions.ts";
import { lifeRegion } from "./life-region.ts";

/** Rises when a persisted snapshot of an older version could not be taken up as it is. */
export const CONTAINER_MACHINE_VERSION = 2;

/**
 * A container: its life on the node where it is placed, and its migrations from node to node. Pure: what it wants done
 * leaves it as effects (container-effects.ts), which the runtime commits before anybody acts on them.
 */
export const containerMachine = containerSetup.createMachine({
  id: "container",
  type: "parallel",
  context: containerContext,
  on: { TUNE: { actions: [tune] } },
  states: { life: lifeRegion, migration: migrationRegion },
});

export type ContainerSnapshot = SnapshotFrom<typeof containerMachine>;
