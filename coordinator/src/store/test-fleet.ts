import { LEASE_PROFILES } from "@lormas/lease/lease-policy.ts";
import type { Clock } from "../runtime/clock.ts";
import { EventEntity } from "./entities/decision-entities.ts";
import { ClusterEntity, MembershipEpochEntity, NodeEntity, NodeHealthEntity } from "./entities/fleet-entities.ts";
import { ContainerEntity, PortReservationEntity } from "./entities/workload-entities.ts";
import type { DatabaseOrm } from "./open-database.ts";

/** Ids that tests know. */
export const CLUSTER_ID = "00000000-0000-4000-8000-000000000001";
export const NODE_1_ID = "00000000-0000-4000-8000-000000000011";
export const NODE_2_ID = "00000000-0000-4000-8000-000000000012";

const NODES = [
  [NODE_1_ID, "node-1", "127.0.1.1"],
  [NODE_2_ID, "node-2", "127.0.1.2"],
] as const;

/** Rows of a small fleet, for tests: the cluster "local" with two healthy nodes that vote, "node-1" and "node-2". */
export class TestFleet {
  readonly #orm: DatabaseOrm;
  readonly #clock: Clock;

  constructor(orm: DatabaseOrm, clock: Clock) {
    this.#orm = orm;
    this.#clock = clock;
  }

  /** Stores cluster and nodes. */
  async seed(): Promise<void> {
    const em = this.#orm.em.fork();
    const now = new Date(this.#clock.wallMs());
    em.create(ClusterEntity, { id: CLUSTER_ID, name: "local", policy: LEASE_PROFILES.default, createdAt: now });
    em.create(MembershipEpochEntity, {
      epoch: 1,
      clusterId: CLUSTER_ID,
      voters: NODES.map(([nodeId, nodeName, address]) => ({ nodeId, nodeName, peerAddress: `${address}:7446` })),
      policy: LEASE_PROFILES.default,
      createdAt: now,
    });
    for (const [id, name, address] of NODES) {
      em.create(NodeEntity, {
        id,
        name,
        clusterId: CLUSTER_ID,
        status: "healthy",
        address,
        runtime: "exec",
        cpuMillis: 4_000,
        memoryBytes: 8 * 2 ** 30,
        diskBytes: 100 * 2 ** 30,
        enrolledAt: now,
        revokedAt: null,
      });
      em.create(NodeHealthEntity, { nodeId: id, status: "healthy", lastHeartbeatAt: now, updatedAt: now });
    }
    await em.flush();
  }

  /** Puts a container on a node as running, with one tcp port. */
  async place(containerId: string, nodeId: string, hostPort: number): Promise<void> {
    await this.#orm.em.fork().nativeUpdate(ContainerEntity, { id: containerId }, { nodeId, status: "running" });
    await this.reservePort(nodeId, containerId, hostPort);
  }

  /** Gives a tcp host port of a node away. */
  async reservePort(nodeId: string, containerId: string, hostPort: number): Promise<void> {
    const em = this.#orm.em.fork();
    em.create(PortReservationEntity, {
      nodeId,
      protocol: "tcp",
      hostPort,
      containerId,
      name: "http",
      containerPort: 8080,
    });
    await em.flush();
  }

  /** How many containers and events there are: what a refused wish must not change. */
  async counts(): Promise<{ containers: number; events: number }> {
    const em = this.#orm.em.fork();
    return { containers: await em.count(ContainerEntity), events: await em.count(EventEntity) };
  }
}
