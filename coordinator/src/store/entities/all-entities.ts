import { AlertDeliveryEntity, AlertEntity } from "./alert-entities.ts";
import { AuditEntryEntity, AuditRetentionEntity } from "./audit-entities.ts";
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
import { RoleEntity, RoleGrantEntity } from "./permission-entities.ts";
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
] as const;
