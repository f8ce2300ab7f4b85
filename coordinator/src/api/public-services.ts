import { Health } from "@lormas/gen/grpc/health/v1/health_pb.ts";
import { ServerReflection } from "@lormas/gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as ServerReflectionAlpha } from "@lormas/gen/grpc/reflection/v1alpha/reflection_pb.ts";
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
import { grpcHealthService } from "./grpc-health-service.ts";
import type { Readiness } from "./probes.ts";
import { ReflectionIndex, reflectionAlphaService, reflectionService } from "./reflection-service.ts";
import { bind, type ServiceBinding } from "./rpc-endpoint.ts";
import { accessService } from "./services/access-service.ts";
import { alertService } from "./services/alert-service.ts";
import { auditService } from "./services/audit-service.ts";
import { authorityService } from "./services/authority-service.ts";
import { clusterService } from "./services/cluster-service.ts";
import { containerDemands, containerService } from "./services/container-service.ts";
import { eggService } from "./services/egg-service.ts";
import { eventService } from "./services/event-service.ts";
import { healthService } from "./services/health-service.ts";
import { jobService } from "./services/job-service.ts";
import { migrationService } from "./services/migration-service.ts";
import { nodeService } from "./services/node-service.ts";
import type { PlaneContext } from "./services/plane-context.ts";
import { registryService } from "./services/registry-service.ts";
import type { WatchHub } from "./watch/watch-hub.ts";

/** The services of lormas.api.v1: what REST, reflection and the health service speak of. */
export const API_SERVICES = [
  NodeService,
  AlertService,
  ClusterService,
  EggService,
  ContainerService,
  MigrationService,
  EventService,
  HealthService,
  AccessService,
  RegistryService,
  AuthorityService,
  AuditService,
  JobService,
] as const;

/** Everything that is served over Connect, gRPC and gRPC-Web. A new service is added here and above. */
export function publicServices(plane: PlaneContext, hub: WatchHub, readiness: Readiness): ServiceBinding[] {
  const names = API_SERVICES.map((service) => service.typeName);
  const index = new ReflectionIndex([...API_SERVICES, Health]);
  return [
    bind(NodeService, nodeService(plane)),
    bind(AlertService, alertService(plane)),
    bind(ClusterService, clusterService(plane)),
    bind(EggService, eggService(plane)),
    bind(ContainerService, containerService(plane), containerDemands(plane)),
    bind(MigrationService, migrationService(plane)),
    bind(EventService, eventService(plane, hub)),
    bind(HealthService, healthService(plane)),
    bind(AccessService, accessService(plane)),
    bind(AuthorityService, authorityService(plane)),
    bind(AuditService, auditService(plane)),
    bind(JobService, jobService(plane)),
    bind(RegistryService, registryService(plane)),
    bind(Health, grpcHealthService(names, readiness, plane.clock, plane.stopping)),
    bind(ServerReflection, reflectionService(index)),
    bind(ServerReflectionAlpha, reflectionAlphaService(index)),
  ];
}
