import { type Client, createClient, type Interceptor } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
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
import type { CoordinatorAccess } from "./coordinator-access.ts";

const messageBytesMax = 16 * 1024 * 1024;
const callTimeoutMs = 30_000;

/** A client for every service of the public API. Calls fail with a ConnectError; apiFailure says it to people. */
export interface ApiClient {
  readonly url: string;
  readonly nodes: Client<typeof NodeService>;
  readonly clusters: Client<typeof ClusterService>;
  readonly eggs: Client<typeof EggService>;
  readonly containers: Client<typeof ContainerService>;
  readonly migrations: Client<typeof MigrationService>;
  readonly events: Client<typeof EventService>;
  readonly health: Client<typeof HealthService>;
  readonly alerts: Client<typeof AlertService>;
  /** The same services for calls that stream: they have no time limit of their own. */
  readonly streams: {
    readonly containers: Client<typeof ContainerService>;
    readonly events: Client<typeof EventService>;
  };
}

/** Opens no connection yet. Calls are bounded to 30 s and 16 MiB a message; streams to 16 MiB a message. */
export function createApiClient(access: CoordinatorAccess): ApiClient {
  const signIn: Interceptor = (next) => async (request) => {
    request.header.set("Authorization", `Bearer ${access.token}`);
    return await next(request);
  };
  const options = {
    baseUrl: access.url,
    httpVersion: "1.1" as const,
    readMaxBytes: messageBytesMax,
    interceptors: [signIn],
  };
  const calls = createConnectTransport({ ...options, defaultTimeoutMs: callTimeoutMs });
  const streams = createConnectTransport(options);
  return {
    url: access.url,
    nodes: createClient(NodeService, calls),
    clusters: createClient(ClusterService, calls),
    eggs: createClient(EggService, calls),
    containers: createClient(ContainerService, calls),
    migrations: createClient(MigrationService, calls),
    events: createClient(EventService, calls),
    health: createClient(HealthService, calls),
    alerts: createClient(AlertService, calls),
    streams: { containers: createClient(ContainerService, streams), events: createClient(EventService, streams) },
  };
}
