import type { Cluster } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import {
  alertClient,
  clusterClient,
  containerClient,
  eventClient,
  migrationClient,
  nodeClient,
} from "../api/clients.ts";
import type { FleetSource } from "./fleet-watch.ts";

const pageSize = 1_000;
/** 20 pages of 1,000: twice the largest fleet that Lormas aims at. What lies beyond is not listed and said so. */
const pagesMax = 20;
/** Migrations and events to begin with; older ones are loaded on demand. */
const migrationsFirst = 200;
const eventsFirst = 100;

type Page<T> = { readonly items: readonly T[]; readonly nextPageToken: string; readonly asOf: bigint };

/** The fleet as the API gives it. */
export const fleetSource: FleetSource = {
  async list(signal) {
    const [nodes, containers, migrations, running, events, alerts] = await Promise.all([
      everyPage(async (pageToken) => {
        const page = await nodeClient.listNodes({ pageSize, pageToken }, { signal });
        return { items: page.nodes, nextPageToken: page.nextPageToken, asOf: page.asOf };
      }),
      everyPage(async (pageToken) => {
        const page = await containerClient.listContainers({ pageSize, pageToken }, { signal });
        return { items: page.containers, nextPageToken: page.nextPageToken, asOf: page.asOf };
      }),
      migrationClient.listMigrations({ pageSize: migrationsFirst }, { signal }),
      migrationClient.listMigrations({ pageSize, activeOnly: true }, { signal }),
      eventClient.listEvents({ latest: true, pageSize: eventsFirst }, { signal }),
      everyPage(async (pageToken) => {
        const page = await alertClient.listAlerts({ pageSize, pageToken }, { signal });
        return { items: page.alerts, nextPageToken: page.nextPageToken, asOf: page.asOf };
      }),
    ]);
    return {
      asOf: lowest([nodes.asOf, containers.asOf, migrations.asOf, running.asOf, events.asOf, alerts.asOf]),
      nodes: nodes.items,
      containers: containers.items,
      migrations: [...migrations.migrations, ...running.migrations],
      alerts: alerts.items,
      events: events.events,
    };
  },
  async *watch(after, signal) {
    yield* eventClient.watch({ after }, { signal });
  },
};

/** Every cluster, by name. */
export async function listClusters(signal: AbortSignal): Promise<readonly Cluster[]> {
  const { items } = await everyPage(async (pageToken) => {
    const page = await clusterClient.listClusters({ pageSize, pageToken }, { signal });
    return { items: page.clusters, nextPageToken: page.nextPageToken, asOf: 0n };
  });
  return items;
}

/** All pages as one; as of the lowest of them, since an earlier page may miss what happened while a later one was read. */
async function everyPage<T>(read: (pageToken: string) => Promise<Page<T>>): Promise<{ items: T[]; asOf: bigint }> {
  const items: T[] = [];
  let asOf: bigint | undefined;
  let pageToken = "";
  for (let page = 0; page < pagesMax; page += 1) {
    const { items: more, nextPageToken, asOf: pageAsOf } = await read(pageToken);
    items.push(...more);
    asOf = asOf === undefined || pageAsOf < asOf ? pageAsOf : asOf;
    pageToken = nextPageToken;
    if (pageToken === "") break;
  }
  return { items, asOf: asOf ?? 0n };
}

function lowest(values: readonly bigint[]): bigint {
  return values.reduce((least, value) => (value < least ? value : least));
}
