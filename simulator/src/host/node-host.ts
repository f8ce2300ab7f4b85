import type { GuardAnswer } from "@lormas/agent/guard/guard-message.ts";
import type { GuardFile } from "@lormas/agent/guard/guard-record.ts";
import type { GuardConnection, GuardDoor } from "@lormas/agent/guard-client/guard-door.ts";
import type { PeerPlane } from "@lormas/agent/peers/peer-plane.ts";
import type { SeededRandom } from "@lormas/chance/seeded-random.ts";
import type { HostClock } from "../clock/host-clock.ts";
import type { SimulatedClock } from "../clock/simulated-clock.ts";
import type { Connection, ConnectionParts } from "../network/connection.ts";
import { SimulatedProcess } from "../process/simulated-process.ts";
import { processLog } from "../report/process-log.ts";
import type { RunLog } from "../report/run-log.ts";
import { AgentProcess } from "./agent-process.ts";
import { agentClock, agentTimers } from "./agent-timers.ts";
import type { ContainerCopy } from "./container-copy.ts";
import { ContainerEngine } from "./container-engine.ts";
import { type GuardPeer, GuardProcess } from "./guard-process.ts";
import { JournalDisk } from "./journal-disk.ts";

/** A unix socket between two processes of one host. */
const SOCKET_MS = 0.05;
const GUARD_START_MIN_MS = 40;
const GUARD_START_MAX_MS = 200;
/** A supervisor starts the agent again. */
const AGENT_START_MIN_MS = 100;
const AGENT_START_MAX_MS = 3_000;

export type NodeCapacity = { readonly cpuMillis: number; readonly memoryBytes: bigint; readonly diskBytes: bigint };

export type NodeHostParts = {
  readonly nodeId: string;
  readonly name: string;
  readonly address: string;
  readonly capacity: NodeCapacity;
  readonly time: SimulatedClock;
  readonly clock: HostClock;
  /** A stream of numbers of this host by the name of a concern. */
  readonly random: (concern: string) => SeededRandom;
  readonly log: RunLog;
  readonly onExecuting: (copy: ContainerCopy) => void;
  /** Told when the engine is asked to start a copy, before it does. */
  readonly onStartAsked: () => void;
  /** Opens a connection of this node to a coordinator. */
  readonly dial: (client: ConnectionParts["client"], turn: number) => Connection;
  readonly peers: (process: SimulatedProcess) => PeerPlane;
  /** A run of the agent has ended, with so many votes that it was given. */
  readonly onVotes: (votes: number) => void;
  /** The guard, or the agent in its place, has had to kill so many copies. */
  readonly onKill: (copies: number) => void;
};

/** One machine: its engine, its disk, its tmpfs, and the processes of agent and guard, which live and die by themselves. */
export class NodeHost {
  readonly nodeId: string;
  readonly name: string;
  readonly engine: ContainerEngine;
  readonly disk: JournalDisk;
  readonly #parts: NodeHostParts;
  readonly #random: SeededRandom;
  readonly #connections = new Set<Connection>();
  #guardFile: GuardFile | null = null;
  /** Where /run cannot be had the guard's record is kept in the data folder, and outlives a boot that it is not of. */
  readonly #runDirOnDisk: boolean;
  #agent: AgentProcess | null = null;
  #guard: GuardProcess | null = null;
  #recordOfStoppedGuard = false;
  #boots = 1;
  #processes = 0;
  #powered = true;
  /** Set while no agent may be started by the supervisor: before the node is enrolled, and after it was stopped for good. */
  #parked = true;

  constructor(parts: NodeHostParts) {
    const { time, clock, random, name, onExecuting, onStartAsked } = parts;
    this.#parts = parts;
    this.nodeId = parts.nodeId;
    this.name = name;
    this.#random = random("host");
    this.#runDirOnDisk = this.#random.chance(0.5);
    this.engine = new ContainerEngine({
      host: name,
      time,
      clock,
      random: random("engine"),
      onExecuting,
      onStartAsked,
    });
    this.disk = new JournalDisk(time, random("disk"), name);
  }

  get powered(): boolean {
    return this.#powered;
  }

  /** How often the machine was started. */
  get boots(): number {
    return this.#boots;
  }

  get agent(): AgentProcess | null {
    return this.#agent;
  }

  get agentProcess(): SimulatedProcess | null {
    return this.#agent?.process ?? null;
  }

  get guardProcess(): SimulatedProcess | null {
    return this.#guard?.process ?? null;
  }

  /**
   * Its guard has taken over the record of one that had been stopped, which holds what its agent may have given up long ago:
   * until the next acknowledgement the deadline in it may be later than the one that the agent knows of.
   */
  get guardsRecordOfStopped(): boolean {
    return this.#recordOfStoppedGuard;
  }

  /** The node has its identity: from now on an agent can serve it. */
  enrolled(): void {
    this.#parked = false;
    this.startAgent();
  }

  /** True time at which the deadline is that the guard holds, which may have passed; null: it holds none of this boot. */
  get deadlineMs(): number | null {
    const record = this.#guardFile;
    if (record?.bootId !== this.#bootId || record.deadlineMs === null || !record.fenced) return null;
    return this.#parts.clock.momentOf(record.deadlineMs);
  }

  get #bootId(): string {
    return `${this.name} ${this.#boots}`;
  }

  /** Starts the agent, as its supervisor does. */
  startAgent(): void {
    if (!this.#powered || this.#parked || this.#agent?.process.alive) return;
    const process = this.#process("agent");
    process.atEnd(() => {
      this.#parts.onVotes(this.#agent?.votes ?? 0);
      this.disk.crash();
      this.startAgentLater();
    });
    const { log, clock, nodeId, address, capacity, dial } = this.#parts;
    this.#agent = new AgentProcess({
      process,
      nodeId,
      address,
      capacity,
      clock,
      nowMs: () => this.#parts.time.nowMs(),
      random: this.#parts.random(`agent ${this.#processes}`),
      log,
      journalFile: this.disk.fileOf(process),
      door: this.#doorOf(process),
      engine: this.engine,
      enforcement: {
        kill: () => {
          const { fresh } = this.engine.killHa(true);
          if (fresh > 0) this.#parts.onKill(fresh);
        },
        thaw: () => {
          this.engine.thaw();
          return true;
        },
      },
      peers: this.#parts.peers(process),
      connect: (turn) => {
        const connection = dial({ process, host: this.name }, turn);
        this.#connections.add(connection);
        return connection;
      },
    });
    log.note(this.name, `agent starts as ${process.name}`);
    this.#agent.run();
  }

  startAgentLater(): void {
    const delayMs = this.#random.logBetween(AGENT_START_MIN_MS, AGENT_START_MAX_MS);
    this.#parts.time.after(delayMs, this.name, "supervisor", () => this.startAgent());
  }

  /** The agent ends cleanly: containers are stopped and the session is closed; it comes back after so much time. */
  leave(backAfterMs: number): void {
    this.#parked = true;
    this.#agent?.leave();
    this.#parts.time.after(backAfterMs, this.name, "comes back", () => {
      this.#parked = false;
      this.startAgent();
    });
  }

  /** Every connection of this node is reset. */
  resetConnections(): void {
    for (const connection of this.#connections) connection.reset();
    this.#connections.clear();
  }

  /** What the guard keeps of its lease is lost: somebody has emptied the folder. */
  loseGuardRecord(): void {
    this.#guardFile = null;
  }

  /** The power goes: every process ends without a word, tmpfs is empty, and boot time will begin anew. */
  powerOff(): void {
    if (!this.#powered) return;
    this.#powered = false;
    for (const connection of this.#connections) connection.vanish();
    this.#connections.clear();
    this.#agent?.process.kill();
    this.#guard?.process.kill();
    this.engine.powerOff();
    if (!this.#runDirOnDisk) this.#guardFile = null;
  }

  powerOn(): void {
    if (this.#powered) return;
    this.#powered = true;
    this.#boots += 1;
    this.#parts.clock.reboot();
    this.engine.powerOn();
    this.startAgentLater();
  }

  #process(kind: string): SimulatedProcess {
    const { name, time, clock, random } = this.#parts;
    this.#processes += 1;
    const own = `${name}/${kind}-${this.#processes}`;
    return new SimulatedProcess({ name: own, time, clock, random: random(`timers ${this.#processes}`) });
  }

  #startGuard(): void {
    // A living guard has the socket, stopped or not: the new one sees that and ends.
    if (!this.#powered || this.#guard?.process.alive) return;
    const before = this.#guard?.process;
    this.#recordOfStoppedGuard =
      this.#guardFile !== null && (this.#recordOfStoppedGuard || before?.wasStopped === true);
    const process = this.#process("guard");
    const { clock, log, onKill } = this.#parts;
    const lines = processLog(log, process.name);
    log.note(this.name, `guard starts as ${process.name}`);
    this.#guard = new GuardProcess({
      process,
      record: this.#guardFile && structuredClone(this.#guardFile),
      bootId: this.#bootId,
      clock: agentClock(clock),
      timers: agentTimers(process),
      hands: {
        store: (file) => {
          this.#guardFile = file;
        },
        killHa: () => {
          const { found, fresh } = this.engine.killHa(true);
          if (fresh > 0) onKill(fresh);
          return found;
        },
        thaw: () => this.engine.thaw(),
        openGate: () => {
          throw new Error("the simulated engine has no gates: its containers wait in the frozen cgroup");
        },
        log: (message, facts) => lines.info(facts ?? {}, message),
      },
      onDismissed: () => {
        this.engine.killHa(false);
        this.engine.thaw();
        this.#guardFile = null;
        process.kill();
      },
    });
  }

  #doorOf(agent: SimulatedProcess): GuardDoor {
    const { time } = this.#parts;
    const pass = (what: string, act: () => void): void => void time.after(SOCKET_MS, this.name, what, act);
    return {
      dial: () =>
        new Promise((resolve) => {
          pass("guard dial", () => agent.enter(() => resolve(this.#connectGuard(agent, pass))));
        }),
      spawn: () => {
        const delayMs = this.#random.between(GUARD_START_MIN_MS, GUARD_START_MAX_MS);
        time.after(delayMs, this.name, "guard start", () => this.#startGuard());
      },
    };
  }

  #connectGuard(agent: SimulatedProcess, pass: (what: string, act: () => void) => void): GuardConnection | null {
    const guard = this.#guard;
    if (!guard?.process.alive) return null;
    let open = true;
    let heard: (answer: GuardAnswer) => void = () => undefined;
    let closed: () => void = () => undefined;
    const close = (): void => {
      if (!open) return;
      open = false;
      pass("guard gone", () => agent.enter(() => closed()));
    };
    const peer: GuardPeer = { drop: close };
    guard.process.atEnd(close);
    return {
      send: (request) =>
        agent.emit(() =>
          pass("to guard", () => {
            if (!open) return;
            guard.process.enter(() => {
              const answer = guard.answer(peer, request);
              guard.process.emit(() =>
                pass("from guard", () => {
                  if (open) agent.enter(() => heard(answer));
                }),
              );
            });
          }),
        ),
      serve: (answered, gone) => {
        heard = answered;
        closed = gone;
      },
      close,
    };
  }
}
