import type { MembershipEpoch } from "@lormas/lease/membership.ts";
import type { ContainerSnapshot } from "../domain/container/container-machine.ts";
import { Refusal } from "../domain/refusal.ts";
import type { ObservedWorkload } from "../domain/workload.ts";
import type { Keyring } from "../secrets/keyring.ts";
import { maskOutput, withheld } from "../secrets/mask-output.ts";
import type {
  AgentCommandResult,
  AgentHeartbeat,
  AgentHello,
  AgentIntake,
  GrantedAck,
  ServingTerms,
} from "./agent-intake.ts";
import type { DecisionLoop } from "./decision-loop.ts";
import { deterministicId } from "./deterministic-id.ts";
import type { FleetState } from "./fleet-state.ts";
import type { NodeFacts, NodeRecord } from "./fleet-view.ts";
import type { NodeWatch } from "./node-watch.ts";
import { noteImage } from "./note-image.ts";
import type { UnitOfWork } from "./unit-of-work.ts";
import { NO_SIGNS, regroup } from "./voting-group.ts";

const ORPHAN_REMOVE_TIMEOUT_MS = 60_000;

/** What a node says of a container, as far as decisions depend on it. */
type Report = Pick<ObservedWorkload, "epoch" | "state" | "detail"> & { readonly nodeId: string };

export type FleetIntakePorts = {
  readonly loop: Pick<DecisionLoop, "submit" | "quiet">;
  readonly state: FleetState;
  /** Opens what is secret of a container, to find it in what its agent says of it. */
  readonly keyring: Keyring;
  readonly watch: Pick<
    NodeWatch,
    "introduce" | "heartbeat" | "sessionEnded" | "servedIncarnation" | "lastHeartbeatWallMs" | "clockSound"
  >;
  readonly term: () => number | null;
  /** The present epoch of the node's voting group. */
  readonly membershipOf: (nodeId: string) => MembershipEpoch;
  /** Sends what is pending for a node whose streams have just been attached. */
  readonly sendPending: (nodeId: string) => void;
};

/** What agents say, turned into events of the actors concerned. */
export class FleetIntake implements AgentIntake {
  readonly #ports: FleetIntakePorts;
  /** Nodes of which a change of their guard is being decided. */
  readonly #noting = new Set<string>();
  /** Reports that changed nothing of a container as it was. */
  readonly #known = new WeakMap<ContainerSnapshot, Report>();

  constructor(ports: FleetIntakePorts) {
    this.#ports = ports;
  }

  leads(): boolean {
    return this.#ports.term() !== null;
  }

  async hello(nodeId: string, hello: AgentHello): Promise<ServingTerms> {
    const { loop, state, watch } = this.#ports;
    const { session, term } = await loop.submit((work) => {
      const node = known(work.node(nodeId), nodeId);
      work.changeNode(nodeId, {
        address: hello.address,
        peerAddress: hello.peerAddress,
        runtime: hello.runtime,
        architecture: hello.architecture,
        platform: hello.platform,
        agentVersion: hello.agentVersion,
        portPoolMin: hello.portPoolMin,
        portPoolMax: hello.portPoolMax,
        capacity: hello.capacity,
        guarded: hello.guarded,
        runtimeReady: true,
      });
      work.tellNode(nodeId, { type: "HELLO", at: work.atMs });
      // Without an epoch there is nothing to serve under; who votes in it is the keeper's business, once leases are held.
      if (!work.membership(node.facts.clusterId)) regroup(work, node.facts.clusterId, () => NO_SIGNS);
      return { session: node.snapshot.context.session, term: work.term };
    });
    watch.introduce(nodeId, hello.incarnation, session);
    const node = known(state.node(nodeId), nodeId);
    return {
      term,
      session,
      membership: this.#ports.membershipOf(nodeId),
      nodeName: node.facts.name,
      clusterName: state.cluster(node.facts.clusterId)?.name ?? "",
    };
  }

  heartbeat(nodeId: string, incarnation: string, heartbeat: AgentHeartbeat): GrantedAck | null {
    const { state, watch } = this.#ports;
    const term = this.#ports.term();
    const node = state.node(nodeId);
    // Checked against what is committed: after a revocation nothing more is granted.
    if (term === null || !node || node.facts.revokedAtMs !== null) return null;
    if (!watch.heartbeat(nodeId, incarnation, heartbeat)) return null;
    const { guarded, runtimeReady } = heartbeat;
    const { facts } = node;
    // What is not measured yet, after a new Hello for example, stays as it was found before.
    const clockSound = watch.clockSound(nodeId) ?? facts.clockSound;
    if (guarded !== facts.guarded || runtimeReady !== facts.runtimeReady || clockSound !== facts.clockSound) {
      this.#noteFitness(nodeId, { guarded, runtimeReady, clockSound });
    }
    const membership = this.#ports.membershipOf(nodeId);
    return {
      sequence: heartbeat.sequence,
      term,
      session: node.snapshot.context.session,
      membership: membership.epoch === heartbeat.membershipEpoch ? null : membership,
    };
  }

  // Not awaited: the acknowledgement does not depend on it, and the next heartbeat says it again. One at a time for a node,
  // however fast it beats: an agent gone mad must not fill the line of decisions.
  #noteFitness(nodeId: string, fitness: Pick<NodeFacts, "guarded" | "runtimeReady" | "clockSound">): void {
    if (this.#noting.has(nodeId)) return;
    this.#noting.add(nodeId);
    this.#ports.loop
      .submit((work) => work.changeNode(nodeId, fitness))
      .catch(() => undefined)
      .finally(() => this.#noting.delete(nodeId));
  }

  async attach(nodeId: string, incarnation: string, session: number): Promise<{ term: number }> {
    const term = this.#ports.term();
    if (term === null) throw new Refusal("not_leader", "this coordinator does not lead", "dial again");
    this.#refuseStranger(nodeId, incarnation);
    const current = known(this.#ports.state.node(nodeId), nodeId).snapshot.context.session;
    if (session !== current) {
      throw new Refusal("busy", `session ${session} is over, the present one is ${current}`, "say hello again");
    }
    return { term };
  }

  async inventory(
    nodeId: string,
    incarnation: string,
    session: number,
    workloads: readonly ObservedWorkload[],
  ): Promise<void> {
    this.#refuseStranger(nodeId, incarnation);
    const told = workloads.map((one) => ({ ...one, detail: this.#masked(one.containerId, one.detail) }));
    await this.#ports.loop.submit((work) => {
      const node = known(work.node(nodeId), nodeId);
      if (node.snapshot.context.session !== session) return; // Of a session that ended meanwhile.
      const seen = new Map(told.map((workload) => [workload.containerId, workload]));
      for (const containerId of [...work.room(nodeId).holders.keys()]) {
        const observed = seen.get(containerId);
        work.tellContainer(containerId, {
          type: "OBSERVED",
          at: work.atMs,
          nodeId,
          epoch: observed?.epoch ?? 0,
          state: observed?.state ?? "absent",
          detail: observed?.detail ?? "it is not on the node any more",
        });
      }
      for (const workload of told) removeOrphan(work, nodeId, session, workload);
      work.tellNode(nodeId, { type: "CONFIRMED", at: work.atMs, session });
    });
    this.#ports.sendPending(nodeId);
  }

  async commandResult(nodeId: string, incarnation: string, result: AgentCommandResult): Promise<void> {
    this.#refuseStranger(nodeId, incarnation);
    const about = this.#ports.state.pending(result.commandId)?.command.containerId ?? "";
    const errorMessage = this.#masked(about, result.errorMessage);
    await this.#ports.loop.submit((work) => {
      const pending = work.pending(result.commandId);
      if (!pending || pending.nodeId !== nodeId) return; // Stored before, or void: a repetition changes nothing.
      work.endPending({
        commandId: result.commandId,
        state: "done",
        ok: result.ok,
        errorCode: result.errorCode,
        errorMessage,
      });
      if (result.image) noteImage(work, pending, result.image);
      if (pending.ordinal === 0) return;
      work.tellContainer(
        pending.command.containerId,
        result.ok
          ? { type: "COMMAND_OK", at: work.atMs, ordinal: pending.ordinal }
          : {
              type: "COMMAND_FAILED",
              at: work.atMs,
              ordinal: pending.ordinal,
              code: result.errorCode || "runtime_error",
              message: errorMessage || "the agent gave no reason",
            },
      );
    });
  }

  async report(nodeId: string, incarnation: string, observed: ObservedWorkload): Promise<void> {
    this.#refuseStranger(nodeId, incarnation);
    const { containerId, epoch, state, detail } = observed;
    const { loop, state: fleet } = this.#ports;
    const present = fleet.container(containerId)?.snapshot;
    if (!present) return;
    // Every container is reported again and again, for its usage; what says nothing new needs no decision.
    const known = this.#known.get(present);
    const repeats =
      known?.nodeId === nodeId && known.epoch === epoch && known.state === state && known.detail === detail;
    if (repeats && loop.quiet) return;
    const told = this.#masked(containerId, detail);
    await loop.submit((work) => {
      const before = work.container(containerId)?.snapshot;
      work.tellContainer(containerId, { type: "OBSERVED", at: work.atMs, nodeId, epoch, state, detail: told });
      const same = before && work.container(containerId)?.snapshot === before;
      if (same) this.#known.set(before, { nodeId, epoch, state, detail });
    });
  }

  async goodbye(nodeId: string, incarnation: string, session: number): Promise<void> {
    this.#refuseStranger(nodeId, incarnation);
    const { loop, watch } = this.#ports;
    const present = await loop.submit((work) => {
      work.tellNode(nodeId, {
        type: "GOODBYE",
        at: work.atMs,
        session,
        lastHeartbeatAt: watch.lastHeartbeatWallMs(nodeId),
      });
      return known(work.node(nodeId), nodeId).snapshot.context.session;
    });
    watch.sessionEnded(nodeId, present);
  }

  // What a container prints is told with its failures, is stored with them, and is seen by many: its secrets must not go along.
  #masked(containerId: string, text: string): string {
    if (text === "") return text;
    const container = this.#ports.state.container(containerId);
    if (!container) return withheld("its container is gone");
    return maskOutput(this.#ports.keyring, text, container.facts);
  }

  // One incarnation of an agent is served: what another one says may describe a life that is over.
  #refuseStranger(nodeId: string, incarnation: string): void {
    if (this.#ports.watch.servedIncarnation(nodeId) === incarnation) return;
    throw new Refusal("busy", "this run of the agent is not the one that is served", "say hello again");
  }
}

/** The node, which may speak. The plane refuses others, too, once it has looked them up again. */
function known(node: NodeRecord | undefined, nodeId: string): NodeRecord {
  if (node && node.facts.revokedAtMs !== null) {
    throw new Refusal("unknown_node", `${node.facts.name} has been revoked`, "remove it, and enrol the host anew");
  }
  if (node) return node;
  throw new Refusal("unknown_node", `node ${nodeId} is not enrolled`, "enrol it with a join token");
}

/**
 * What nobody expects on the node is removed: a container that was deleted or moved while the node was away. A removal that
 * waits for its result already is not asked for again; one that failed is, under another id.
 */
function removeOrphan(work: UnitOfWork, nodeId: string, session: number, workload: ObservedWorkload): void {
  const holders = work.room(nodeId).holders;
  if (holders.has(workload.containerId)) return;
  const { containerId, epoch } = workload;
  const waits = work
    .pendingOf(nodeId)
    .some(({ ordinal, command }) => ordinal === 0 && command.containerId === containerId && command.epoch === epoch);
  if (waits) return;
  work.addCommand(nodeId, 0, {
    commandId: deterministicId(containerId, "orphan", nodeId, epoch, session, work.atMs),
    containerId,
    epoch,
    timeoutMs: ORPHAN_REMOVE_TIMEOUT_MS,
    action: { kind: "remove", removeVolumes: false },
  });
}
