import { inCluster, type Place, type Reach, reaches, reachOf } from "../../permissions/grant.ts";
import type { Permission } from "../../permissions/permission.ts";
import { apiError } from "../api-error.ts";
import type { Caller } from "../call-context.ts";
import type { Health, NumberedChange } from "./watch-source.ts";

/** What one watcher is shown. */
export type WatchView = {
  /** The change as the watcher may see it; null: not at all. */
  readonly change: (entry: NumberedChange) => NumberedChange["change"] | null;
  readonly health: (health: Health) => Health["sample"];
};

/** What a watch shows, with what each asks for. */
const SHOWN = [
  "event:view",
  "node:view",
  "container:view",
  "migration:view",
  "job:view",
  "alert:view",
  "node:health:view",
] as const;

type Sight = Readonly<Record<(typeof SHOWN)[number], Reach>>;

/** Everything there is. */
export const WHOLE_FLEET: WatchView = { change: ({ change }) => change, health: ({ sample }) => sample };

/** What a caller may see of a watch: what happens within the reach of event:view, and of each thing that it comes with what shows that. */
export function watchView(caller: Caller): WatchView {
  const sight = sightOf(caller);
  if (SHOWN.every((shown) => sight[shown] === "everything")) return WHOLE_FLEET;
  return {
    change: ({ change, places }) => {
      const shows = (asked: keyof Sight, place: Place | null): boolean =>
        place !== null && reaches(sight[asked], place);
      if (!shows("event:view", places.event)) return null;
      const { event, node, container, migration, jobs, alert } = change;
      return {
        ...(event && { event }),
        ...(node && shows("node:view", places.node) && { node }),
        ...(container && shows("container:view", places.container) && { container }),
        ...(migration &&
          shows("migration:view", places.container ?? places.event) && { migration: unweighed(migration) }),
        ...(jobs && shows("job:view", placeOfJobs(places)) && { jobs }),
        ...(alert && shows("alert:view", places.event) && { alert }),
      };
    },
    health: ({ sample, clusterOf }) => ({
      nodes: (sample.nodes ?? []).filter(({ nodeId }) => {
        const clusterId = clusterOf.get(nodeId ?? "");
        return clusterId !== undefined && reaches(sight["node:health:view"], inCluster(clusterId));
      }),
    }),
  };
}

/** Of a container that is gone, who has a grant for everything or for itself sees what was asked of it, as by GetJob. */
function placeOfJobs({ container, event }: NumberedChange["places"]): Place {
  return container ?? { clusterIds: [], containerId: event.containerId };
}

/** Whether two callers may see the same. */
export function sameSight(one: Caller, other: Caller): boolean {
  return JSON.stringify(sightOf(one)) === JSON.stringify(sightOf(other));
}

/** Ends a watch whose caller may see more or less than when it began: what he has seen is no more what he may. */
export function sightChanged(): Error {
  return apiError("too_far_behind", "What you may see has changed since the watch began.");
}

function sightOf({ grants }: Caller): Sight {
  const reach = (asked: Permission): Reach => reachOf(grants, asked);
  return Object.fromEntries(SHOWN.map((shown) => [shown, reach(shown)])) as Sight;
}

/** Without the account of every node that was weighed, which GetMigration gives of those that may be seen. */
function unweighed<T extends NonNullable<NumberedChange["change"]["migration"]>>(migration: T): T {
  const { decision } = migration;
  return decision === undefined ? migration : { ...migration, decision: { ...decision, candidates: [] } };
}
