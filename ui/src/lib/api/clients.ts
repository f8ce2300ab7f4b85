import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import {
  ClusterService,
  ContainerService,
  EggService,
  EventService,
  HealthService,
  MigrationService,
  NodeService,
} from "@lormas/gen/lormas/api/v1/services_pb.ts";

/**
 * The way to the API: the origin that served this page, and no other. The session cookie goes along by itself, since
 * connect-web fetches with credentials "same-origin".
 */
const transport = createConnectTransport({ baseUrl: "/" });

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
/** Health of the control plane. */
export const healthClient = createClient(HealthService, transport);
