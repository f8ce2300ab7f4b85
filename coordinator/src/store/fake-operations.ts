import { randomBytes } from "node:crypto";
import type { EntityManager } from "@mikro-orm/postgresql";
import { Refusal } from "../domain/refusal.ts";
import type { Clock } from "../runtime/clock.ts";
import type { SuspensionWish } from "../runtime/container-suspension.ts";
import type { CoordinatorStatus, LiveNode, NewContainer, Operations } from "../runtime/operations.ts";
import { EventEntity, MigrationEntity } from "./entities/decision-entities.ts";
import { NodeEntity } from "./entities/fleet-entities.ts";
import { ContainerEntity, PortReservationEntity } from "./entities/workload-entities.ts";
import { addContainerKeys } from "./master-key-store.ts";
import type { DatabaseOrm } from "./open-database.ts";

/** An event as a test wishes it; the sequence number is given at the commit. */
export type FakeEvent = {
  readonly type: string;
  readonly message?: string;
  readonly nodeId?: string | null;
  readonly containerId?: string | null;
  readonly migrationId?: string | null;
};

/**
 * Operations and CoordinatorStatus without a fleet, for tests of what stands in front of them: wishes are checked and
 * stored as the port promises, each with its event in the same transaction, numbered without a gap; nothing is placed on
 * a node by itself and no agent is told anything.
 */
export class FakeOperations implements Operations, CoordinatorStatus {
  readonly #orm: DatabaseOrm;
  readonly #clock: Clock;
  readonly #callbacks = new Set<(newest: bigint) => void>();
  #newest = 0n;
  #turn: Promise<unknown> = Promise.resolve();
  /** What tests may set. */
  leader = true;
  live: LiveNode[] = [];
  /** Where the container that was created last might take room; null: anywhere. */
  within: ReadonlySet<string> | null = null;

  constructor(orm: DatabaseOrm, clock: Clock) {
    this.#orm = orm;
    this.#clock = clock;
  }

  groupOf(): null {
    return null;
  }

  leading(): { leader: boolean; term: number } {
    return { leader: this.leader, term: 1 };
  }

  databaseReady(): boolean {
    return true;
  }

  liveNode(nodeId: string): LiveNode | undefined {
    return this.live.find((node) => node.nodeId === nodeId);
  }

  newestSequence(): bigint {
    return this.#newest;
  }

  onCommitted(callback: (newestSequence: bigint) => void): () => void {
    this.#callbacks.add(callback);
    return () => this.#callbacks.delete(callback);
  }

  /** Commits events (and what `change` does) in one transaction, one commit after the other; then tells the callbacks. */
  commit(
    events: readonly FakeEvent[],
    change: (em: EntityManager, asOf: number) => Promise<void> = async () => {},
  ): Promise<void> {
    const run = async (): Promise<void> => {
      await this.#orm.em.fork().transactional(async (em) => {
        const rows = await em.execute<{ newest: string | null }[]>("select max(sequence)::text as newest from event");
        let sequence = Number(rows[0]?.newest ?? 0);
        for (const event of events) {
          sequence += 1;
          em.create(EventEntity, {
            sequence,
            at: new Date(this.#clock.wallMs()),
            type: event.type,
            severity: "info",
            message: event.message ?? event.type,
            nodeId: event.nodeId ?? null,
            containerId: event.containerId ?? null,
            migrationId: event.migrationId ?? null,
            data: {},
          });
        }
        await change(em, sequence);
        await em.flush();
        await em.execute(
          `update event e set cluster_ids = array(
             select cluster_id from node where id = e.node_id
             union select preferred_cluster_id from container where id = e.container_id and preferred_cluster_id is not null
             union select n.cluster_id from container c join node n on n.id = c.node_id where c.id = e.container_id)
            where sequence > ?`,
          [Number(rows[0]?.newest ?? 0)],
        );
        this.#newest = BigInt(sequence);
      });
      for (const callback of this.#callbacks) callback(this.#newest);
    };
    const turn = this.#turn.then(run);
    this.#turn = turn.catch(() => {});
    return turn;
  }

  async createContainer(
    wish: NewContainer,
    _requestedBy = "",
    within: ReadonlySet<string> | null = null,
  ): Promise<{ containerId: string; warnings: string[] }> {
    const containerId = wish.id ?? newId();
    this.within = within;
    if ((await this.#orm.em.fork().count(ContainerEntity, { id: containerId })) > 0)
      return { containerId, warnings: [] };
    await this.commit([{ type: "container.created", containerId }], async (em, asOf) => {
      if ((await em.count(ContainerEntity, { name: wish.name })) > 0) {
        throw new Refusal("name_taken", `There is a container "${wish.name}" already.`, "Choose another name.", {
          field: "name",
        });
      }
      for (const port of wish.spec.ports) {
        if (port.fixedHostPort === null) continue;
        const held = await em.count(PortReservationEntity, { hostPort: port.fixedHostPort, protocol: port.protocol });
        if (held > 0 && held >= (await em.count(NodeEntity, {}))) {
          throw new Refusal(
            "port_taken",
            `Host port ${port.fixedHostPort}/${port.protocol} is given away on every node.`,
            "Choose another port.",
            { field: `host_ports.${port.name}` },
          );
        }
      }
      em.create(ContainerEntity, {
        id: containerId,
        name: wish.name,
        eggId: wish.eggId,
        ha: wish.ha,
        desired: wish.desired,
        status: wish.desired === "running" ? "unplaced" : "stopped",
        statusReason: wish.desired === "running" ? "no node yet" : "",
        nodeId: null,
        preferredClusterId: wish.preferredClusterId,
        ...wish.resources,
        spec: wish.spec,
        environment: { ...wish.environment },
        owner: wish.owner ?? "",
        allowDataLoss: wish.allowDataLoss,
        migrationStatus: "idle",
        migrationId: null,
        lastMigrationAt: null,
        createdAt: new Date(this.#clock.wallMs()),
        asOf,
      });
      if (wish.secretKey) await addContainerKeys(em, [{ containerId, key: wish.secretKey }]);
    });
    return { containerId, warnings: [] };
  }

  async setDesired(containerId: string, desired: "running" | "stopped" | "removed"): Promise<{ warnings: string[] }> {
    await this.commit([{ type: "container.desired", containerId }], async (em) => {
      const row = await this.#container(em, containerId);
      if (row.migrationStatus === "migrating") throw migrating(row.name);
      if (row.desired === "removed" && desired !== "removed") {
        throw new Refusal("being_removed", `Container "${row.name}" is being removed.`, "Create another one.");
      }
      row.desired = desired;
      if (desired === "removed") row.status = "removing";
    });
    return { warnings: [] };
  }

  async kill(containerId: string): Promise<void> {
    await this.setDesired(containerId, "stopped");
  }

  async suspend({ containerId, reason, by }: SuspensionWish): Promise<void> {
    await this.setDesired(containerId, "stopped");
    await this.commit([{ type: "container.suspended", containerId }], async (em) => {
      (await this.#container(em, containerId)).suspension = { reason, by, at: this.#clock.wallMs() };
    });
  }

  async unsuspend(containerId: string): Promise<void> {
    await this.commit([{ type: "container.unsuspended", containerId }], async (em) => {
      (await this.#container(em, containerId)).suspension = null;
    });
  }

  async restart(containerId: string): Promise<void> {
    await this.commit([{ type: "container.restarting", containerId }], async (em) => {
      const row = await this.#container(em, containerId);
      if (row.status !== "running") throw notRunning(row.name);
    });
  }

  async migrate(containerId: string, targetNodeId: string | null): Promise<{ migrationId: string }> {
    const migrationId = newId();
    await this.commit([{ type: "migration.started", containerId, migrationId }], async (em, asOf) => {
      const row = await this.#container(em, containerId);
      if (!row.ha) throw new Refusal("not_ha", `Container "${row.name}" is not HA.`, "Create it with type HA.");
      if (row.migrationStatus === "migrating") throw migrating(row.name);
      const sourceNodeId = row.nodeId ?? null;
      if (row.status !== "running" || sourceNodeId === null) throw notRunning(row.name);
      em.create(MigrationEntity, {
        id: migrationId,
        containerId,
        containerName: row.name,
        sourceNodeId,
        targetNodeId,
        trigger: "manual",
        outcome: "running",
        state: "choosing",
        startedAt: new Date(this.#clock.wallMs()),
        endedAt: null,
        downtimeMs: null,
        decision: null,
        asOf,
      });
      row.migrationStatus = "migrating";
      row.migrationId = migrationId;
    });
    return { migrationId };
  }

  async updateContainer(): Promise<never> {
    throw new Refusal("not_leader", "Nothing is changed here.", "Use a coordinator.");
  }

  async reinstall(): Promise<never> {
    throw new Refusal("not_leader", "Nothing is installed here.", "Use a coordinator.");
  }

  async previewMigration(): Promise<never> {
    throw new Refusal("not_leader", "Nothing is placed here.", "Use a coordinator.");
  }

  async cancelMigration(migrationId: string, containerId: string): Promise<void> {
    await this.commit([{ type: "migration.cancelled", containerId, migrationId }], async (em) => {
      const migration = await em.findOneOrFail(MigrationEntity, { id: migrationId });
      if (migration.outcome !== "running") {
        throw new Refusal("not_cancellable", `Migration ${migrationId} has ended.`, "Look at the container.");
      }
      Object.assign(migration, { outcome: "cancelled", state: "cancelled", errorCode: "cancelled" });
      (await this.#container(em, containerId)).migrationStatus = "idle";
    });
  }

  async enrolNode(): Promise<never> {
    throw new Refusal("not_leader", "No node enrols here.", "Use a coordinator.");
  }

  async awaitApproval(): Promise<never> {
    throw new Refusal("not_leader", "No node enrols here.", "Use a coordinator.");
  }

  async #container(em: EntityManager, id: string) {
    const row = await em.findOne(ContainerEntity, { id });
    if (row === null)
      throw new Refusal("not_found", `There is no container ${id}.`, "List the containers.", { field: "id" });
    return row;
  }
}

function migrating(name: string): Refusal {
  return new Refusal("migration_in_progress", `Container "${name}" is being moved.`, "Wait until it has ended.", {
    retryAfterMs: 2_000,
  });
}

function notRunning(name: string): Refusal {
  return new Refusal("not_running", `Container "${name}" does not run.`, "Start it first.");
}

function newId(): string {
  const hex = randomBytes(16).toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20)}`;
}
