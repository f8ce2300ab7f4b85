import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import {
  AlertService,
  ClusterService,
  ContainerService,
  EggService,
  EventService,
  HealthService,
  MigrationService,
  NodeService,
} from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { clock } from "../live/clock.svelte.ts";

/**
 * The way to the API: the origin that served this page, and no other. The session cookie goes along by itself, since
 * fetch sends it to its own origin by default. Every answer's date corrects the page's clock.
 */
export const transport = createConnectTransport({
  baseUrl: "/",
  async fetch(input, init) {
    const response = await fetch(input, init);
    clock.align(response.headers.get("date"));
    return response;
  },
});

/** Nodes. */
export const nodeClient = createClient(NodeService, transport);
/** Clusters. */
export const clusterClient = createClient(ClusterService, transport);
/** Eggs. */
export const eggClient = createClient(EggService, transport);
/** Containers. */
export const containerClient = createClient(ContainerService, transport);
/** Migrations. */
export const migrationClient = createClient(MigrationService, transport);
/** Events. */
export const eventClient = createClient(EventService, transport);
/** Alerts. */
export const alertClient = createClient(AlertService, transport);
/** Health of the control plane. */
export const healthClient = createClient(HealthService, transport);
