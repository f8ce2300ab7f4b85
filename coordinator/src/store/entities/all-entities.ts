import { AlertDeliveryEntity, AlertEntity } from "./alert-entities.ts";
import { AuditEntryEntity, AuditRetentionEntity } from "./audit-entities.ts";
import {
  AuthorityCoordinatorEntity,
  AuthorityEntity,
  AuthorityRotationEntity,
  NodeTrustEntity,
} from "./authority-entities.ts";
import {
  ActorSnapshotEntity,
  EventEntity,
  LeadershipEntity,
  MigrationEntity,
  MigrationStepEntity,
  OutboxEntity,
} from "./decision-entities.ts";
import {
  ApiTokenEntity,
  ClusterEntity,
  JoinTokenEntity,
  MembershipEpochEntity,
  NodeEntity,
  NodeHealthEntity,
  RemovedNodeEntity,
} from "./fleet-entities.ts";
import { RoleEntity, RoleGrantEntity, SecondFactorDemandEntity } from "./permission-entities.ts";
import { QuotaEntity } from "./quota-entities.ts";
import { NamedRequestEntity } from "./request-entities.ts";
import { ContainerKeyEntity, MasterKeyEntity, RegistryEntity } from "./secret-entities.ts";
import { UsageSampleEntity } from "./usage-entities.ts";
import {
  CategoryEntity,
  ContainerEntity,
  EggEntity,
  EggOriginEntity,
  JobEntity,
  PortReservationEntity,
  ReservationEntity,
} from "./workload-entities.ts";

/** Every table of the public schema; better-auth keeps its own in the schema `auth`. */
export const allEntities = [
  ClusterEntity,
  MembershipEpochEntity,
  NodeEntity,
  NodeHealthEntity,
  RemovedNodeEntity,
  JoinTokenEntity,
  ApiTokenEntity,
  RoleEntity,
  RoleGrantEntity,
  SecondFactorDemandEntity,
  CategoryEntity,
  EggEntity,
  EggOriginEntity,
  ContainerEntity,
  ReservationEntity,
  PortReservationEntity,
  JobEntity,
  MigrationEntity,
  MigrationStepEntity,
  EventEntity,
  OutboxEntity,
  LeadershipEntity,
  ActorSnapshotEntity,
  AlertEntity,
  AlertDeliveryEntity,
  AuditEntryEntity,
  AuditRetentionEntity,
  ContainerKeyEntity,
  MasterKeyEntity,
  NamedRequestEntity,
  QuotaEntity,
  RegistryEntity,
  UsageSampleEntity,
  AuthorityEntity,
  AuthorityRotationEntity,
  AuthorityCoordinatorEntity,
  NodeTrustEntity,
] as const;
