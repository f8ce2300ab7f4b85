import type { MigrationTrigger } from "../domain/container/container-context.ts";
import { lifeState, migrationState, migrationStatus } from "../domain/container/container-status.ts";
import { portKey } from "../domain/placement/choose-node.ts";
import { Refusal } from "../domain/refusal.ts";
import { NO_RESOURCES } from "../domain/resources.ts";
import { containerInput } from "./container-demand.ts";
import type { DecisionLoop } from "./decision-loop.ts";
import { migrationId } from "./deterministic-id.ts";
import type { ContainerRecord } from "./fleet-view.ts";
import { admitNPlusOne } from "./n-plus-one-admission.ts";
import type { EnrolledNode, NewContainer, Operations } from "./operations.ts";
import type { Granted } from "./operator-wishes.ts";
import type { UnitOfWork } from "./unit-of-work.ts";

export type FleetOperationsPorts = {
  readonly loop: Pick<DecisionLoop, "submit">;
  readonly newId: () => string;
  /** The cluster of a usable join token; null when it is unknown, used or expired. */
  readonly tokenCluster: (tokenHash: string) => Promise<string | null>;
};

const NO_WARNINGS: Granted = { warnings: [] };

/** The states of its life in which a container may be moved; from any other it gets to one of these by itself. */
const MOVABLE: readonly string[] = ["running", "unknown", "lost", "stranded", "backoff", "failed"];

/** Jobs that a wish makes pointless. */
const CONTRARY_JOBS = {
  running: ["stop"],
  stopped: ["start", "restart"],
  removed: ["create", "start", "stop", "restart"],
} as const;

/** People's wishes, decided on the fleet as it is at that moment. */
export class FleetOperations implements Operations {
  readonly #ports: FleetOperationsPorts;
  /** Tokens whose use is being decided: two claims of one token cannot both get as far as the transaction. */
  readonly #claimed = new Map<string, string>();

  constructor(ports: FleetOperationsPorts) {
    this.#ports = ports;
  }

  createContainer(wish: NewContainer, requestedBy: string): Promise<{ containerId: string } & Granted> {
    const jobId = this.#ports.newId();
    const containerId = this.#ports.newId();
    return this.#ports.loop.submit((work) => {
      if (work.containerByName(wish.name)) {
        throw new Refusal("name_taken", `a container named ${wish.name} exists already`, "choose another name", {
          field: "name",
        });
      }
      refuseTakenPorts(work, wish);
      const { name, eggId, environment, spec } = wish;
      work.addContainer(
        { id: containerId, name, eggId, environment, spec, createdAtMs: work.atMs },
        containerInput(containerId, wish),
      );
      work.beginJob(jobId, containerId, name, "create", requestedBy);
      work.addEvent({
        type: "container.created",
        severity: "info",
        message: `${name} was created from ${eggId} by ${requestedBy}`,
        nodeId: null,
        containerId,
        migrationId: null,
        data: { eggId, ha: wish.ha },
      });
      work.tellContainer(containerId, { type: "CREATED", at: work.atMs });
      return { containerId, warnings: admitNPlusOne(work.before(), work, `the creation of ${name}`) };
    });
  }

  setDesired(containerId: string, desired: "running" | "stopped" | "removed", requestedBy: string): Promise<Granted> {
    const jobId = this.#ports.newId();
    return this.#ports.loop.submit((work) => {
      const container = existing(work, containerId);
      const state = lifeState(container.snapshot);
      if (desired === "removed" && (state === "removing" || state === "gone")) return NO_WARNINGS;
      refuseWhileRemoved(container);
      refuseWhileMoving(container);
      const already = container.snapshot.context.desired === desired && state !== "failed";
      if (already && desired !== "removed") return NO_WARNINGS;
      const job = desired === "running" ? "start" : desired === "stopped" ? "stop" : "delete";
      work.replaceJobs(containerId, CONTRARY_JOBS[desired], job);
      work.beginJob(jobId, containerId, container.facts.name, job, requestedBy);
      work.tellContainer(containerId, { type: "WANT", at: work.atMs, desired });
      if (desired !== "running") return NO_WARNINGS;
      return { warnings: admitNPlusOne(work.before(), work, `the start of ${container.facts.name}`) };
    });
  }

  restart(containerId: string, requestedBy: string): Promise<void> {
    const jobId = this.#ports.newId();
    return this.#ports.loop.submit((work) => {
      const container = existing(work, containerId);
      refuseWhileRemoved(container);
      refuseWhileMoving(container);
      const state = lifeState(container.snapshot);
      if (state !== "running" && state !== "failed") {
        throw new Refusal("not_running", `${container.facts.name} does not run (${state})`, "start it instead");
      }
      work.beginJob(jobId, containerId, container.facts.name, "restart", requestedBy);
      work.tellContainer(containerId, { type: "RESTART", at: work.atMs });
    });
  }

  migrate(
    containerId: string,
    targetNodeId: string | null,
    requestedBy: string,
    trigger: Exclude<MigrationTrigger, "auto"> = "manual",
  ): Promise<{ migrationId: string }> {
    const jobId = this.#ports.newId();
    return this.#ports.loop.submit((work) => {
      const container = existing(work, containerId);
      const { context } = container.snapshot;
      const { name } = container.facts;
      refuseWhileRemoved(container);
      refuseWhileMoving(container);
      if (!context.ha) {
        throw new Refusal(
          "not_ha",
          `${name} is a standard container and is never moved`,
          "create it as an HA container",
        );
      }
      const state = lifeState(container.snapshot);
      if (!MOVABLE.includes(state)) {
        throw new Refusal("not_running", `${name} does not run (${state}), there is nothing to move`, "start it first");
      }
      if (context.localData && !context.allowDataLoss) {
        throw new Refusal(
          "data_stays_behind",
          `${name} has data on a local volume, which would stay behind`,
          "create it with shared volumes, or with data loss allowed",
        );
      }
      if (targetNodeId !== null) refuseTarget(work, container, targetNodeId);
      work.beginJob(jobId, containerId, name, "migrate", requestedBy);
      work.tellMigrate(containerId, trigger, targetNodeId);
      const after = existing(work, containerId);
      if (migrationStatus(after.snapshot) !== "migrating") {
        // Thrown after deciding: the unit of work is dropped, so the attempt leaves no trace.
        throw new Refusal(
          "no_target",
          `${name} cannot be moved: ${work.lastMoveFailure(containerId)}`,
          "free or add a node",
          {
            retryAfterMs: 5_000,
          },
        );
      }
      return { migrationId: migrationId(containerId, after.snapshot.context.lastMove) };
    });
  }

  cancelMigration(id: string, containerId: string, requestedBy: string): Promise<void> {
    const jobId = this.#ports.newId();
    return this.#ports.loop.submit((work) => {
      const container = work.container(containerId);
      const context = container?.snapshot.context;
      if (!container || !context?.move || migrationId(containerId, context.lastMove) !== id) throw ended(id);
      if (context.move.cancelled) return;
      const { name } = container.facts;
      if (!isCancellable(container)) {
        const target = work.node(context.move.targetNodeId ?? "")?.facts.name ?? "its target";
        throw new Refusal(
          "not_cancellable",
          `migration ${id} is ${migrationState(container.snapshot)}: ${name} runs on ${target} already and stays there`,
          "wait until the migration has ended, then migrate it back",
          { field: "id", retryAfterMs: 0 },
        );
      }
      work.beginJob(jobId, containerId, name, "cancel_migration", requestedBy);
      work.tellContainer(containerId, { type: "CANCEL", at: work.atMs, by: requestedBy });
    });
  }

  async enrolNode(node: EnrolledNode): Promise<{ clusterName: string }> {
    const claimedBy = this.#claimed.get(node.tokenHash);
    if (claimedBy === node.nodeId) throw beingEnrolled(node.name);
    if (claimedBy !== undefined) throw tokenRefused();
    this.#claimed.set(node.tokenHash, node.nodeId);
    try {
      const clusterId = await this.#ports.tokenCluster(node.tokenHash);
      return await this.#storeNode(node, clusterId);
    } finally {
      this.#claimed.delete(node.tokenHash);
    }
  }

  #storeNode(node: EnrolledNode, clusterId: string | null): Promise<{ clusterName: string }> {
    return this.#ports.loop.submit((work) => {
      const known = work.node(node.nodeId)?.facts;
      if (known?.name === node.name) {
        // It did not receive the answer. Its id says that token and key are those of the first time.
        work.changeNode(node.nodeId, { certificateSerial: node.certificateSerial });
        return { clusterName: work.cluster(known.clusterId)?.name ?? "" };
      }
      const cluster = clusterId === null ? undefined : work.cluster(clusterId);
      if (known || !cluster) throw tokenRefused();
      for (const other of work.nodes()) {
        if (other.facts.name === node.name) {
          throw new Refusal("name_taken", `a node named ${node.name} is enrolled already`, "choose another node name", {
            field: "node_name",
          });
        }
      }
      work.consumeToken(node.tokenHash, node.nodeId);
      work.addNode({
        id: node.nodeId,
        name: node.name,
        clusterId: cluster.id,
        schedulable: true,
        guarded: false,
        runtimeReady: true,
        clockSound: true,
        address: "",
        peerAddress: "",
        runtime: "",
        architecture: "",
        platform: "",
        agentVersion: node.agentVersion,
        portPoolMin: 0,
        portPoolMax: 0,
        capacity: NO_RESOURCES,
        certificateSerial: node.certificateSerial,
        enrolledAtMs: work.atMs,
      });
      work.tellNode(node.nodeId, { type: "ENROLLED", at: work.atMs });
      return { clusterName: cluster.name };
    });
  }
}

const beingEnrolled = (name: string): Refusal =>
  new Refusal("busy", `${name} is being enrolled by another call`, "ask again", { retryAfterMs: 500 });

const tokenRefused = (): Refusal =>
  new Refusal("invalid_argument", "the join token is unknown, used or expired", "make another token", {
    field: "token",
  });

function existing(work: UnitOfWork, containerId: string): ContainerRecord {
  const container = work.container(containerId);
  if (container) return container;
  throw new Refusal("not_found", `there is no container ${containerId}`, "list the containers to see which there are", {
    field: "id",
  });
}

const ended = (id: string): Refusal =>
  new Refusal("not_cancellable", `migration ${id} has ended`, "look at the container to see where it runs", {
    field: "id",
  });

/** Until the container is committed to its target the way back is open. */
function isCancellable({ snapshot }: ContainerRecord): boolean {
  return !["", "committing", "cleaning_up"].includes(migrationState(snapshot));
}

function refuseWhileMoving(container: ContainerRecord): void {
  if (migrationStatus(container.snapshot) !== "migrating") return;
  const id = migrationId(container.facts.id, container.snapshot.context.lastMove);
  const state = migrationState(container.snapshot);
  throw new Refusal(
    "migration_in_progress",
    `${container.facts.name} is being moved by migration ${id} (${state})`,
    isCancellable(container) && !container.snapshot.context.move?.cancelled
      ? `wait until the migration has ended, or cancel it: lormas migration cancel ${id}`
      : "wait until the migration has ended; it cannot be cancelled any more",
    { retryAfterMs: 2_000 },
  );
}

function refuseWhileRemoved(container: ContainerRecord): void {
  const state = lifeState(container.snapshot);
  if (state !== "removing" && state !== "gone") return;
  throw new Refusal("being_removed", `${container.facts.name} is being removed`, "create another container");
}

function refuseTarget(work: UnitOfWork, container: ContainerRecord, targetNodeId: string): void {
  const target = work.node(targetNodeId);
  if (!target) {
    throw new Refusal("unknown_node", `there is no node ${targetNodeId}`, "list the nodes to see which there are", {
      field: "target_node",
    });
  }
  if (container.snapshot.context.placement?.nodeId !== targetNodeId) return;
  throw new Refusal("same_node", `${container.facts.name} is on ${target.facts.name} already`, "name another node", {
    field: "target_node",
  });
}

/** A fixed host port must be free on at least one node, or the container could never be placed. */
function refuseTakenPorts(work: UnitOfWork, wish: NewContainer): void {
  const nodes = [...work.nodes()];
  for (const port of wish.spec.ports) {
    if (port.fixedHostPort === null || nodes.length === 0) continue;
    const key = portKey(port.protocol, port.fixedHostPort);
    if (nodes.some((node) => !work.room(node.facts.id).ports.has(key))) continue;
    throw new Refusal(
      "port_taken",
      `host port ${port.fixedHostPort}/${port.protocol} is taken on every node`,
      "choose another port, or leave it out to get one from the node's pool",
      { field: `host_ports.${port.name}` },
    );
  }
}
