import { inCluster } from "../../permissions/grant.ts";
import type { CoordinatorStatus } from "../../runtime/operations.ts";
import type { DatabaseOrm } from "../../store/open-database.ts";
import { alertsById } from "../../store/read-model/alert-readings.ts";
import { containersById, placeOfContainer } from "../../store/read-model/container-readings.ts";
import { eventsAfter } from "../../store/read-model/event-readings.ts";
import { jobsByEvent } from "../../store/read-model/job-readings.ts";
import { migrationsById } from "../../store/read-model/migration-readings.ts";
import { nodesAfter, nodesById } from "../../store/read-model/node-readings.ts";
import { distinct, newestEvent, readSnapshot } from "../../store/read-model/snapshot.ts";
import { alertView } from "../views/alert-view.ts";
import { containerView } from "../views/container-view.ts";
import { eventView } from "../views/event-view.ts";
import { jobView } from "../views/job-view.ts";
import { migrationView } from "../views/migration-view.ts";
import { liveNodes, nodeHealthView, nodeView } from "../views/node-view.ts";
import type { WatchSource } from "./watch-source.ts";

/** Nodes in one page of health. */
const HEALTH_PAGE_NODES_MAX = 250;

/**
 * Reads events from PostgreSQL, and after them the nodes, containers, migrations, jobs and alerts that they touched: the
 * views are never older than the event they come with. In no transaction, whose beginning and end would be half of what an
 * event waits for.
 */
export function databaseWatchSource(orm: DatabaseOrm, status: CoordinatorStatus): WatchSource {
  const live = liveNodes(status);
  return {
    newest: () => newestEvent(orm.em.fork()),

    changesAfter: async (sequence, changesMax) => {
      const em = orm.em.fork();
      const events = await eventsAfter({ em, asOf: sequence }, sequence, changesMax);
      const newest = events.at(-1);
      if (newest === undefined) return [];
      const look = { em, asOf: BigInt(newest.sequence) };
      const alertIdOf = ({ data }: (typeof events)[number]): string => String(data["alertId"] ?? "");
      // Side by side: a watcher waits for the longest of them, not for their sum.
      const [nodes, containers, migrations, jobs, alerts] = await Promise.all([
        nodesById(look, distinct(events.map((event) => event.nodeId))),
        containersById(em, distinct(events.map((event) => event.containerId))),
        migrationsById(look, distinct(events.map((event) => event.migrationId))),
        jobsByEvent(look, events),
        alertsById(look, distinct(events.map(alertIdOf))),
      ]);
      return events.map((event) => {
        const alert = alerts.get(alertIdOf(event));
        const node = nodes.get(event.nodeId ?? "");
        const container = containers.get(event.containerId ?? "");
        const migration = migrations.get(event.migrationId ?? "");
        const ofJobs = jobs.get(event.sequence) ?? [];
        return {
          sequence: BigInt(event.sequence),
          change: {
            event: eventView(event),
            ...(node === undefined ? {} : { node: nodeView(node, live) }),
            ...(container === undefined ? {} : { container: containerView(container) }),
            ...(migration === undefined ? {} : { migration: migrationView(migration, null) }),
            ...(ofJobs.length === 0 ? {} : { jobs: ofJobs.map(jobView) }),
            ...(alert === undefined ? {} : { alert: alertView(alert) }),
          },
          places: {
            event: { clusterIds: event.clusterIds, containerId: event.containerId ?? null },
            node: node === undefined ? null : inCluster(node.row.clusterId),
            container: container === undefined ? null : placeOfContainer(container),
          },
        };
      });
    },

    health: (after) =>
      readSnapshot(orm, async (snapshot) => {
        const nodes = await nodesAfter(snapshot, after, HEALTH_PAGE_NODES_MAX);
        return {
          health: {
            sample: { nodes: nodes.map((reading) => nodeHealthView(reading, live)) },
            clusterOf: new Map(nodes.map(({ row }) => [row.id, row.clusterId])),
          },
          next: nodes.length < HEALTH_PAGE_NODES_MAX ? null : (nodes.at(-1)?.row.name ?? null),
        };
      }),

    onCommitted: (callback) => status.onCommitted(() => callback()),
  };
}
