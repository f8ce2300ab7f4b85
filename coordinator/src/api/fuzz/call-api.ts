import { type Client, createClient, type Transport } from "@connectrpc/connect";
import {
  AccessService,
  AlertService,
  AuthorityService,
  ClusterService,
  ContainerService,
  EggService,
  JobService,
  MigrationService,
  NodeService,
  RegistryService,
} from "@lormas/gen/lormas/api/v1/services_pb.ts";

/** The services that lists are read from. */
export type CallApi = {
  readonly access: Client<typeof AccessService>;
  readonly alerts: Client<typeof AlertService>;
  readonly authority: Client<typeof AuthorityService>;
  readonly clusters: Client<typeof ClusterService>;
  readonly containers: Client<typeof ContainerService>;
  readonly eggs: Client<typeof EggService>;
  readonly jobs: Client<typeof JobService>;
  readonly migrations: Client<typeof MigrationService>;
  readonly nodes: Client<typeof NodeService>;
  readonly registries: Client<typeof RegistryService>;
};

export function callApi(transport: Transport): CallApi {
  return {
    access: createClient(AccessService, transport),
    alerts: createClient(AlertService, transport),
    authority: createClient(AuthorityService, transport),
    clusters: createClient(ClusterService, transport),
    containers: createClient(ContainerService, transport),
    eggs: createClient(EggService, transport),
    jobs: createClient(JobService, transport),
    migrations: createClient(MigrationService, transport),
    nodes: createClient(NodeService, transport),
    registries: createClient(RegistryService, transport),
  };
}
