import { GuardClient } from "@lormas/agent/guard-client/guard-client.ts";
import type { GuardDoor } from "@lormas/agent/guard-client/guard-door.ts";
import { Journal } from "@lormas/agent/journal/journal.ts";
import type { JournalFile } from "@lormas/agent/journal/journal-file.ts";
import { NodeAgent } from "@lormas/agent/node/node-agent.ts";
import type { PeerPlane } from "@lormas/agent/peers/peer-plane.ts";
import type { CoordinatorClient } from "@lormas/agent/session/coordinator-client.ts";
import type { Enforcement } from "@lormas/agent/session/enforcement.ts";
import type { SeededRandom } from "@lormas/chance/seeded-random.ts";
import type { MembershipEpoch } from "@lormas/lease/membership.ts";
import type { Logger } from "pino";
import type { HostClock } from "../clock/host-clock.ts";
import type { Connection } from "../network/connection.ts";
import type { SimulatedProcess } from "../process/simulated-process.ts";
import { processLog } from "../report/process-log.ts";
import type { RunLog } from "../report/run-log.ts";
import { agentClock, agentTimers } from "./agent-timers.ts";
import type { ContainerEngine } from "./container-engine.ts";
import { EngineRuntime } from "./engine-runtime.ts";
import type { NodeCapacity } from "./node-host.ts";

export type AgentProcessParts = {
  readonly process: SimulatedProcess;
  readonly nodeId: string;
  readonly address: string;
  readonly capacity: NodeCapacity;
  readonly clock: HostClock;
  /** True time. */
  readonly nowMs: () => number;
  readonly random: SeededRandom;
  readonly log: RunLog;
  readonly journalFile: JournalFile;
  readonly door: GuardDoor;
  readonly engine: ContainerEngine;
  readonly enforcement: Enforcement;
  readonly peers: PeerPlane;
  /** Opens connection number `turn` of this run: each goes to the next coordinator. */
  readonly connect: (turn: number) => Connection;
};

const PORT_POOL = { min: 20_000, max: 20_100 };
const NOTHING = { cpuMillis: 0, memoryBytes: 0n, diskBytes: 0n };

/** One run of an agent, wired as its main does. */
export class AgentProcess {
  readonly process: SimulatedProcess;
  readonly #parts: AgentProcessParts;
  #agent: NodeAgent | null = null;
  #leave: (() => Promise<void>) | null = null;
  #leaving = false;
  #servesSinceMs = Number.POSITIVE_INFINITY;
  #journal: Journal | null = null;

  constructor(parts: AgentProcessParts) {
    this.process = parts.process;
    this.#parts = parts;
  }

  /** True from when it knows its guard until it is told to leave: it enforces the deadline by itself. */
  get serves(): boolean {
    return this.servesSinceMs < Number.POSITIVE_INFINITY;
  }

  /** True time since which it does; infinite while it does not. */
  get servesSinceMs(): number {
    return this.#leaving ? Number.POSITIVE_INFINITY : this.#servesSinceMs;
  }

  /** The voting group as its journal has it. */
  get membership(): MembershipEpoch | null {
    return this.#journal?.state.membership ?? null;
  }

  /** The session that its journal has; 0 before the first, and one that it has closed. */
  get session(): bigint {
    const state = this.#journal?.state;
    return state && state.session > state.closedSession ? state.session : 0n;
  }

  /** Votes that this run was given by peers. */
  get votes(): number {
    return this.#agent?.voteCounts.asked?.votes ?? 0;
  }

  /** Runs until the process ends; what main would die of ends it. */
  run(): void {
    this.process.after(0, () => void this.#main().catch((error: unknown) => this.#die(error)));
  }

  /** SIGTERM. */
  leave(): void {
    if (this.#leaving) return;
    this.#leaving = true;
    this.process.enter(() => void this.#leave?.().catch((error: unknown) => this.#die(error)));
  }

  async #main(): Promise<void> {
    const { process, nodeId, address, capacity, clock, random, journalFile, door, engine } = this.#parts;
    const timers = agentTimers(process);
    // pino's overloads cannot be written out; the agent calls its levels with fields, text or both, as this takes them.
    const log = processLog(this.#parts.log, process.name) as unknown as Logger;
    const journal = await Journal.over(journalFile);
    this.#journal = journal;
    void journal.broken.then((fault) => this.#die(fault));
    const guard = await GuardClient.open({ door, launch: null, timers, log });
    let dials = 0;
    const agent = new NodeAgent({
      nodeId,
      incarnation: random.uuid(),
      address,
      portPool: PORT_POOL,
      runtime: new EngineRuntime({ engine, process, clock }),
      journal,
      guard,
      enforcement: this.#parts.enforcement,
      connect: () => clientOf(this.#parts.connect(dials++)),
      peers: this.#parts.peers,
      measure: () => Promise.resolve({ capacity, usage: NOTHING }),
      clock: agentClock(clock),
      timers,
      random: () => random.next(),
      log,
    });
    this.#agent = agent;
    this.#servesSinceMs = this.#parts.nowMs();
    this.#leave = async () => {
      await guard.leaving();
      await agent.stop("the agent got SIGTERM");
      await guard.dismiss();
      await journal.close();
      process.kill();
    };
    if (this.#leaving) return await this.#leave();
    this.#parts.log.note(process.name, `serves node ${nodeId}`);
    await agent.run();
  }

  #die(error: unknown): void {
    this.#parts.log.note(this.process.name, `ends: ${error instanceof Error ? error.message : String(error)}`);
    this.process.emit(() => this.process.kill());
  }
}

function clientOf(connection: Connection): CoordinatorClient {
  const unused = (): never => {
    throw new Error("the simulated plane carries heartbeats and commands alone");
  };
  return {
    heartbeat: () => connection.call("Heartbeat"),
    commands: () => connection.call("Commands"),
    pushLogs: unused,
    renewCertificate: unused,
    close: () => connection.closeClient(),
  };
}
