import { AlertDeliveryEntity, AlertEntity } from "./alert-entities.ts";
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
} from "./fleet-entities.ts";
import {
  CategoryEntity,
  ContainerEntity,
  EggEntity,
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
  JoinTokenEntity,
  ApiTokenEntity,
  CategoryEntity,
  EggEntity,
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
] as const;
