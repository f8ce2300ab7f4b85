import { lifeState, migrationState, migrationStatus } from "../domain/container/container-status.ts";
import { portKey } from "../domain/placement/choose-node.ts";
import { Refusal } from "../domain/refusal.ts";
import { refuseOutside, type Within } from "./confinement.ts";
import { changeContainer } from "./container-change.ts";
import { containerInput } from "./container-demand.ts";
import {
  existingContainer,
  isCancellable,
  movableContainer,
  refuseOnRevokedNode,
  refuseReinstall,
  refuseWhileMoving,
  refuseWhileRemoved,
  refuseWhileSuspended,
  settledContainer,
  startableContainer,
} from "./container-refusals.ts";
import { type SuspensionWish, suspendContainer, unsuspendContainer } from "./container-suspension.ts";
import type { DecisionLoop } from "./decision-loop.ts";
import { migrationId } from "./deterministic-id.ts";
import { enrolledFacts, refuseTakenNodeName, tokenRefused } from "./enrolled-facts.ts";
import { containerRecordEtag, refuseStale } from "./etag.ts";
import { foresee } from "./foresee.ts";
import { failureOf } from "./migration-change.ts";
import { type MigrationPreview, migrationPreview } from "./migration-preview.ts";
import { admitNPlusOne } from "./n-plus-one-admission.ts";
import { awaitApproval } from "./node-approvals.ts";
import { misfitNotes } from "./node-misfit.ts";
import type {
  ClaimingNode,
  ContainerChange,
  EnrolledNode,
  EnrolmentOutcome,
  EnrolmentWait,
  MigrationOptions,
  NewContainer,
  Operations,
  WishTerms,
} from "./operations.ts";
import type { Granted } from "./operator-wishes.ts";
import { admitQuotas, NO_QUOTAS } from "./quota-admission.ts";
import type { UnitOfWork } from "./unit-of-work.ts";

export type FleetOperationsPorts = {
  readonly loop: Pick<DecisionLoop, "submit">;
  readonly newId: () => string;
  /** The cluster of a usable join token; null when it is unknown, used or expired. */
  readonly tokenCluster: (tokenHash: string) => Promise<string | null>;
};

const NO_WARNINGS: Granted = { warnings: [] };

/** Jobs that a wish makes pointless. */
const CONTRARY_JOBS = {
  running: ["stop", "kill"],
  stopped: ["start", "restart"],
  killed: ["start", "stop", "restart"],
  removed: ["create", "start", "stop", "kill", "restart"],
} as const;

/** People's wishes, decided on the fleet as it is at that moment. */
export class FleetOperations implements Operations {
  readonly #ports: FleetOperationsPorts;
  /** Tokens whose use is being decided: two claims of one token cannot both get as far as the transaction. */
  readonly #claimed = new Map<string, string>();

  constructor(ports: FleetOperationsPorts) {
    this.#ports = ports;
  }

  createContainer(
    wish: NewContainer,
    requestedBy: string,
    within: Within = null,
  ): Promise<{ containerId: string } & Granted> {
    const jobId = this.#ports.newId();
    const containerId = wish.id ?? this.#ports.newId();
    return this.#ports.loop.submit((work) => {
      if (work.container(containerId)) return { containerId, ...NO_WARNINGS };
      if (work.containerByName(wish.name)) {
        throw new Refusal("name_taken", `a container named ${wish.name} exists already`, "choose another name", {
          field: "name",
        });
      }
      refuseTakenPorts(work, wish);
      const { name, eggId, environment, secretKey = null, spec, owner = "" } = wish;
      work.addContainer(
        { id: containerId, name, eggId, environment, secretKey, spec, owner, createdAtMs: work.atMs },
        containerInput(containerId, wish),
      );
      work.jobs.begin({ id: jobId, kind: "create", requestedBy }, existingContainer(work, containerId));
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
      refuseOutside(work, containerId, within);
      admitQuotas(work, containerId, wish.quotas ?? NO_QUOTAS);
      return { containerId, warnings: admitNPlusOne(work.before(), work, `the creation of ${name}`) };
    });
  }

  setDesired(
    containerId: string,
    desired: "running" | "stopped" | "removed",
    requestedBy: string,
    { within = null, etag = "", quotas = NO_QUOTAS }: WishTerms = {},
  ): Promise<Granted> {
    const jobId = this.#ports.newId();
    return this.#ports.loop.submit((work) => {
      const container = existingContainer(work, containerId);
      refuseStale(etag, containerRecordEtag(container), `container ${container.facts.name}`);
      const state = lifeState(container.snapshot);
      if (desired === "removed" && (state === "removing" || state === "gone")) return NO_WARNINGS;
      refuseWhileRemoved(container);
      refuseWhileMoving(container);
      if (desired === "running") {
        refuseWhileSuspended(container);
        refuseOnRevokedNode(work, container);
      }
      const endsScript = desired === "stopped" && state === "installing";
      const already = container.snapshot.context.desired === desired && state !== "failed" && !endsScript;
      if (already && desired !== "removed") return NO_WARNINGS;
      const job = desired === "running" ? "start" : desired === "stopped" ? "stop" : "delete";
      work.jobs.replace(container, CONTRARY_JOBS[desired], job);
      work.jobs.begin({ id: jobId, kind: job, requestedBy }, container);
      work.tellContainer(containerId, { type: "WANT", at: work.atMs, desired });
      refuseOutside(work, containerId, within);
      if (desired !== "running") return NO_WARNINGS;
      // What has a place counts for its cluster already.
      if (container.snapshot.context.placement === null) admitQuotas(work, containerId, { ...quotas, owner: null });
      return { warnings: admitNPlusOne(work.before(), work, `the start of ${container.facts.name}`) };
    });
  }

  kill(containerId: string, requestedBy: string): Promise<void> {
    const jobId = this.#ports.newId();
    return this.#ports.loop.submit((work) => {
      const container = settledContainer(work, containerId);
      const { desired, stopAtOnce } = container.snapshot.context;
      const state = lifeState(container.snapshot);
      // One more command would end nothing sooner; what rests elsewhere runs nowhere.
      const isEnding = state === "stopping" && stopAtOnce !== true;
      if (desired === "stopped" && state !== "installing" && !isEnding) return;
      work.jobs.replace(container, CONTRARY_JOBS.killed, "kill");
      work.jobs.begin({ id: jobId, kind: "kill", requestedBy }, container);
      work.tellContainer(containerId, { type: "WANT", at: work.atMs, desired: "stopped", atOnce: true });
    });
  }

  suspend(wish: SuspensionWish): Promise<void> {
    const jobId = this.#ports.newId();
    return this.#ports.loop.submit((work) => suspendContainer(work, jobId, wish));
  }

  unsuspend(containerId: string, by: string): Promise<void> {
    const jobId = this.#ports.newId();
    return this.#ports.loop.submit((work) => unsuspendContainer(work, jobId, containerId, by));
  }

  updateContainer(containerId: string, change: ContainerChange, requestedBy: string): Promise<Granted> {
    const jobId = this.#ports.newId();
    return this.#ports.loop.submit((work) => {
      const container = existingContainer(work, containerId);
      refuseStale(change.etag ?? "", containerRecordEtag(container), `container ${container.facts.name}`);
      refuseWhileRemoved(container);
      refuseWhileMoving(container);
      changeContainer(work, jobId, container, change, requestedBy);
      admitQuotas(work, containerId, change.quotas ?? NO_QUOTAS);
      const was = work.before();
      const warnings = admitNPlusOne(was, work, `the change of ${container.facts.name}`);
      return { warnings, notes: misfitNotes(was, work, containerId) };
    });
  }

  restart(containerId: string, requestedBy: string): Promise<void> {
    const jobId = this.#ports.newId();
    return this.#ports.loop.submit((work) => {
      const container = startableContainer(work, containerId);
      const state = lifeState(container.snapshot);
      if (state !== "running" && state !== "failed") {
        throw new Refusal("not_running", `${container.facts.name} does not run (${state})`, "start it instead");
      }
      work.jobs.begin({ id: jobId, kind: "restart", requestedBy }, container);
      work.tellContainer(containerId, { type: "RESTART", at: work.atMs });
    });
  }

  reinstall(containerId: string, requestedBy: string): Promise<void> {
    const jobId = this.#ports.newId();
    return this.#ports.loop.submit((work) => {
      const container = startableContainer(work, containerId);
      refuseReinstall(container);
      work.jobs.begin({ id: jobId, kind: "reinstall", requestedBy }, container);
      work.tellContainer(containerId, { type: "REINSTALL", at: work.atMs });
    });
  }

  migrate(
    containerId: string,
    targetNodeId: string | null,
    requestedBy: string,
    { force = false }: MigrationOptions = {},
  ): Promise<{ migrationId: string }> {
    const jobId = this.#ports.newId();
    return this.#ports.loop.submit((work) => {
      const container = movableContainer(work, containerId, targetNodeId);
      const { name } = container.facts;
      // The one that begins now, if it begins.
      const migration = migrationId(containerId, container.snapshot.context.lastMove + 1);
      work.jobs.begin({ id: jobId, kind: "migrate", requestedBy, migrationId: migration }, container);
      work.tellMigrate(containerId, "manual", targetNodeId, force);
      const after = existingContainer(work, containerId);
      if (migrationStatus(after.snapshot) !== "migrating") {
        // Thrown after deciding: the unit of work is dropped, so the attempt leaves no trace.
        throw new Refusal(
          "no_target",
          `${name} cannot be moved: ${failureOf(work.lastMove(containerId))}`,
          "free or add a node",
          { retryAfterMs: 5_000 },
        );
      }
      return { migrationId: migration };
    });
  }

  previewMigration(
    containerId: string,
    targetNodeId: string | null,
    { force = false }: MigrationOptions = {},
  ): Promise<MigrationPreview> {
    return foresee(this.#ports.loop, (work) => migrationPreview(work, containerId, targetNodeId, force));
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
      work.jobs.begin({ id: jobId, kind: "cancel_migration", requestedBy, migrationId: id }, container);
      work.tellContainer(containerId, { type: "CANCEL", at: work.atMs, by: requestedBy });
    });
  }

  enrolNode(node: EnrolledNode): Promise<EnrolmentOutcome> {
    return this.#claim(node, (clusterId) => this.#storeNode(node, clusterId));
  }

  awaitApproval(node: ClaimingNode): Promise<EnrolmentWait> {
    return this.#claim(node, (clusterId) => this.#ports.loop.submit((work) => awaitApproval(work, node, clusterId)));
  }

  async #claim<T>(
    { tokenHash, nodeId, name }: Pick<EnrolledNode, "tokenHash" | "nodeId" | "name">,
    decide: (clusterId: string | null) => Promise<T>,
  ): Promise<T> {
    const claimedBy = this.#claimed.get(tokenHash);
    if (claimedBy === nodeId) throw beingEnrolled(name);
    if (claimedBy !== undefined) throw tokenRefused();
    this.#claimed.set(tokenHash, nodeId);
    try {
      return await decide(await this.#ports.tokenCluster(tokenHash));
    } finally {
      this.#claimed.delete(tokenHash);
    }
  }

  #storeNode(node: EnrolledNode, clusterId: string | null): Promise<EnrolmentOutcome> {
    return this.#ports.loop.submit((work) => {
      const { nodeId, name, tokenHash, certificateSerial } = node;
      const known = work.node(nodeId)?.facts;
      // Whoever waits is given nothing, whatever else was asked before.
      if (known?.approval || (!known && node.needsApproval)) throw awaitsApproval(name);
      if (known && (known.name === name || node.needsApproval)) {
        // It waited, or did not receive the answer. Its id says that token and key are those of the first time; an operator may
        // have given it another name while it waited, which it is told.
        work.changeNode(nodeId, { certificateSerial });
        return { clusterName: work.cluster(known.clusterId)?.name ?? "", nodeName: known.name };
      }
      const cluster = clusterId === null ? undefined : work.cluster(clusterId);
      if (known || !cluster) throw tokenRefused();
      refuseTakenNodeName(work, name);
      work.consumeToken({ tokenHash, nodeId });
      work.addNode(enrolledFacts({ ...node, clusterId: cluster.id, approval: null, address: "" }, work.atMs));
      work.tellNode(nodeId, { type: "ENROLLED", at: work.atMs });
      return { clusterName: cluster.name, nodeName: name };
    });
  }
}

const awaitsApproval = (name: string): Refusal =>
  new Refusal("busy", `${name} awaits approval`, "ask again", { retryAfterMs: 5_000 });

const beingEnrolled = (name: string): Refusal =>
  new Refusal("busy", `${name} is being enrolled by another call`, "ask again", { retryAfterMs: 500 });

const ended = (id: string): Refusal =>
  new Refusal("not_cancellable", `migration ${id} has ended`, "look at the container to see where it runs", {
    field: "id",
  });

/** Holders of a port that a refusal names. */
const HOLDERS_NAMED_MAX = 5;

/** A fixed host port must be free on at least one node, or the container could never be placed. */
function refuseTakenPorts(work: UnitOfWork, wish: NewContainer): void {
  const nodes = [...work.nodes()];
  for (const port of wish.spec.ports) {
    if (port.fixedHostPort === null || nodes.length === 0) continue;
    const key = portKey(port.protocol, port.fixedHostPort);
    if (nodes.some((node) => !work.room(node.facts.id).ports.has(key))) continue;
    const holders = nodes.slice(0, HOLDERS_NAMED_MAX).map(({ facts }) => {
      const holder = work.container(work.room(facts.id).ports.get(key) ?? "")?.facts.name ?? "a container";
      return `${holder} on ${facts.name}`;
    });
    const more = nodes.length > HOLDERS_NAMED_MAX ? ", …" : "";
    throw new Refusal(
      "port_taken",
      `host port ${port.fixedHostPort}/${port.protocol} is taken on every node: by ${holders.join(", ")}${more}`,
      "choose another port, or leave it out to get one from the node's pool",
      { field: `host_ports.${port.name}` },
    );
  }
}
