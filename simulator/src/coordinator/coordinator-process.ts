import type { SeededRandom } from "@lormas/chance/seeded-random.ts";
import { AgentStreams } from "@lormas/coordinator/agents/agent-streams.ts";
import { CommandService } from "@lormas/coordinator/agents/command-service.ts";
import { HeartbeatService, type StreamServiceParts } from "@lormas/coordinator/agents/heartbeat-service.ts";
import { MessageValidator } from "@lormas/coordinator/agents/message-validator.ts";
import type { NodePeer } from "@lormas/coordinator/agents/node-peer.ts";
import { PlaneCounters } from "@lormas/coordinator/agents/plane-counters.ts";
import { PLANE_LIMITS } from "@lormas/coordinator/agents/plane-limits.ts";
import { RefusalLog } from "@lormas/coordinator/agents/refusal-log.ts";
import { StreamFailures } from "@lormas/coordinator/agents/stream-failures.ts";
import { commandTo } from "@lormas/coordinator/agents/wire-mapping.ts";
import type { DecisionStore } from "@lormas/coordinator/runtime/decision-store.ts";
import type { FenceHook } from "@lormas/coordinator/runtime/fence-hook.ts";
import { FleetRuntime } from "@lormas/coordinator/runtime/fleet-runtime.ts";
import { Keyring } from "@lormas/coordinator/secrets/keyring.ts";
import { KEY_BYTES, MasterKey } from "@lormas/coordinator/secrets/master-key.ts";
import type { Accept, Connection } from "../network/connection.ts";
import type { SimulatedProcess } from "../process/simulated-process.ts";
import { processLog } from "../report/process-log.ts";
import type { RunLog } from "../report/run-log.ts";

export type CoordinatorParts = {
  readonly process: SimulatedProcess;
  readonly store: DecisionStore;
  readonly instance: string;
  readonly leaderTtlMs: number;
  readonly random: SeededRandom;
  readonly log: RunLog;
  /** Null: nothing cuts hosts off from power. */
  readonly fenceHook: FenceHook | null;
};

/** No certificate ends within a run. */
const NOT_AFTER_MS = Number.MAX_SAFE_INTEGER;

/** One coordinator: the real runtime and the real services of its agent plane, without TLS and without a public plane. */
export class CoordinatorProcess {
  readonly process: SimulatedProcess;
  readonly runtime: FleetRuntime;
  readonly #heartbeats: HeartbeatService;
  readonly #commands: CommandService;
  readonly #connections = new Map<string, Set<Connection>>();

  constructor(parts: CoordinatorParts) {
    const { process, store, instance, leaderTtlMs, random, fenceHook } = parts;
    this.process = process;
    const clock = process.coordinatorClock();
    const log = processLog(parts.log, process.name);
    const counters = new PlaneCounters();
    const source = {
      uuid: () => random.uuid(),
      bytes: (count: number) => Uint8Array.from({ length: count }, () => random.below(256)),
    };
    // Nothing in this fleet is secret, and the ring opens nothing.
    const keyring = new Keyring(new MasterKey(Buffer.alloc(KEY_BYTES)));
    const streams = new AgentStreams(
      PLANE_LIMITS,
      clock,
      source,
      counters,
      (_, command) =>
        commandTo(
          command,
          (spec, key) => keyring.openWorkload(spec, key),
          () => [],
        ),
      (peer) => this.#cut(peer),
    );
    const newId = source.uuid;
    this.runtime = new FleetRuntime({
      ...{ store, link: streams, keyring, clock, log, newId, instance, leaderTtlMs, fenceHook },
    });
    const services: StreamServiceParts = {
      intake: this.runtime.intake,
      streams,
      validator: new MessageValidator(counters),
      failures: new StreamFailures(log, new RefusalLog(log, clock, counters), counters),
      counters,
      limits: PLANE_LIMITS,
      clock,
      // Its agents speak without certificates.
      authoritiesReported: () => undefined,
    };
    this.#heartbeats = new HeartbeatService(services);
    this.#commands = new CommandService(services);
  }

  /** Asks for leadership; resolves after the first asking. */
  start(): Promise<void> {
    return this.runtime.start();
  }

  /** What this process does with the streams of a node. */
  accept(nodeId: string, nodeName: string): Accept {
    const peer: NodePeer = { nodeId, nodeName, notAfterMs: NOT_AFTER_MS, remote: nodeName };
    const note = (connection: Connection): void => {
      const open = this.#connections.get(nodeId);
      if (open) open.add(connection);
      else this.#connections.set(nodeId, new Set([connection]));
    };
    return {
      heartbeat: (call, connection) => {
        note(connection);
        this.#heartbeats.handle(call, peer);
      },
      commands: (call, connection) => {
        note(connection);
        this.#commands.handle(call, peer);
      },
    };
  }

  #cut({ nodeId }: NodePeer): void {
    const open = this.#connections.get(nodeId);
    this.#connections.delete(nodeId);
    for (const connection of open ?? []) connection.closeServer();
  }
}
