import { type Client, createClient, type Interceptor } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import {
  AccessService,
  AlertService,
  AuditService,
  AuthorityService,
  ClusterService,
  ContainerService,
  EggService,
  EventService,
  HealthService,
  JobService,
  MigrationService,
  NodeService,
  RegistryService,
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
  readonly access: Client<typeof AccessService>;
  readonly audit: Client<typeof AuditService>;
  readonly authority: Client<typeof AuthorityService>;
  readonly jobs: Client<typeof JobService>;
  readonly registries: Client<typeof RegistryService>;
  /** The same services for calls that stream: they have no time limit of their own. */
  readonly streams: {
    readonly audit: Client<typeof AuditService>;
    readonly containers: Client<typeof ContainerService>;
    readonly events: Client<typeof EventService>;
  };
}

/** Opens no connection yet. Calls are bounded to 30 s and 16 MiB a message; streams to 16 MiB a message. */
export function createApiClient(access: CoordinatorAccess): ApiClient {
  const signIn: Interceptor = (next) => async (request) => {
    if (access.token !== undefined) request.header.set("Authorization", `Bearer ${access.token}`);
    else if (access.session !== undefined) request.header.set("Cookie", access.session);
    return await next(request);
  };
  const options = {
    baseUrl: access.url,
    httpVersion: "1.1" as const,
    ...(access.ca === undefined ? {} : { nodeOptions: { ca: access.ca } }),
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
    access: createClient(AccessService, calls),
    audit: createClient(AuditService, calls),
    authority: createClient(AuthorityService, calls),
    jobs: createClient(JobService, calls),
    registries: createClient(RegistryService, calls),
    streams: {
      audit: createClient(AuditService, streams),
      containers: createClient(ContainerService, streams),
      events: createClient(EventService, streams),
    },
  };
}
