import type { EntityManager, EntityName } from "@mikro-orm/postgresql";
import { AlertEntity, type AlertRow } from "../entities/alert-entities.ts";
import {
  ActorSnapshotEntity,
  type ActorSnapshotRow,
  OutboxEntity,
  type OutboxRow,
} from "../entities/decision-entities.ts";
import {
  ClusterEntity,
  type ClusterRow,
  NodeEntity,
  NodeHealthEntity,
  type NodeHealthRow,
  type NodeRow,
} from "../entities/fleet-entities.ts";
import { ContainerKeyEntity, type ContainerKeyRow } from "../entities/secret-entities.ts";
import {
  ContainerEntity,
  type ContainerRow,
  PortReservationEntity,
  type PortReservationRow,
  ReservationEntity,
  type ReservationRow,
} from "../entities/workload-entities.ts";
import { rowsWhere } from "../read-model/read-rows.ts";
import type { Condition } from "../read-model/within-reach.ts";
import { loadMemberships } from "./group-rows.ts";

/**
 * Rows that one statement answers: a hundred thousand at once would keep the process busy for longer than a transaction may lie
 * idle, and the server would end it.
 */
const PAGE = 5_000;

/** The committed fleet as its tables have it. */
export type FleetRows = Awaited<ReturnType<typeof readFleetRows>>;

/** Reads every table that a fleet is made of, page by page. The caller's transaction keeps decisions out meanwhile. */
export async function readFleetRows(em: EntityManager) {
  const all = <Row extends object>(entity: EntityName<Row>, key: readonly Key<Row>[], where?: string) =>
    everyRow(em, entity, key, where);
  const clusters = await all<ClusterRow>(ClusterEntity, [["id", "id"]]);
  const nodes = await all<NodeRow>(NodeEntity, [["id", "id"]]);
  const containers = await all<ContainerRow>(ContainerEntity, [["id", "id"]]);
  const keys = await all<ContainerKeyRow>(ContainerKeyEntity, [["container_id", "containerId"]]);
  const reservations = await all<ReservationRow>(ReservationEntity, [
    ["container_id", "containerId"],
    ["node_id", "nodeId"],
  ]);
  const ports = await all<PortReservationRow>(PortReservationEntity, [
    ["node_id", "nodeId"],
    ["protocol", "protocol"],
    ["host_port", "hostPort"],
  ]);
  const pending = await all<OutboxRow>(OutboxEntity, [["position", "position"]], "state = 'pending'");
  const snapshots = await all<ActorSnapshotRow>(ActorSnapshotEntity, [
    ["kind", "kind"],
    ["id", "id"],
  ]);
  const health = await all<NodeHealthRow>(NodeHealthEntity, [["node_id", "nodeId"]]);
  const alerts = await all<AlertRow>(AlertEntity, [["id", "id"]], "resolved_at is null");
  const [numbers] = await em.execute<{ sequence: string; position: string }[]>(
    `select coalesce((select max(sequence) from event), 0) as sequence,
            coalesce((select max(position) from outbox), 0) as position`,
  );
  return {
    ...{ clusters, nodes, containers, keys, reservations, ports, pending, snapshots, health, alerts },
    ...(await loadMemberships(em)),
    newestSequence: Number(numbers?.sequence ?? 0),
    newestPosition: Number(numbers?.position ?? 0),
  };
}

/** A column that is part of what rows are told apart by, and its property. */
type Key<Row> = readonly [column: string, property: keyof Row & string];

/** In the order of the key. */
async function everyRow<Row extends object>(
  em: EntityManager,
  entity: EntityName<Row>,
  key: readonly Key<Row>[],
  where = "true",
): Promise<Row[]> {
  const columns = key.map(([column]) => column).join(", ");
  const rows: Row[] = [];
  for (;;) {
    const last = rows.at(-1);
    const after: Condition = last
      ? {
          sql: `(${where}) and (${columns}) > (${key.map(() => "?").join(", ")})`,
          params: key.map(([, property]) => last[property]),
        }
      : { sql: where, params: [] };
    const page = await rowsWhere({ em }, entity, after, columns, PAGE);
    for (const row of page) rows.push(row);
    if (page.length < PAGE) return rows;
  }
}
