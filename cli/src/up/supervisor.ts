import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { CliFailure } from "../cli-failure.ts";
import { type Clock, waitFor } from "../clock.ts";
import { exitCode } from "../exit-code.ts";
import { type CoordinatorReady, parseCoordinatorReady } from "./coordinator-ready.ts";
import { type DataDir, readJsonFile, writeJsonFile } from "./data-dir.ts";
import { killAll, markedPids } from "./host-mark.ts";
import type { LocalFleet } from "./local-fleet.ts";
import { logTail } from "./log-file.ts";
import type { NodePlan } from "./node-plan.ts";
import { withSamePorts } from "./same-ports.ts";
import { type ChildState, SupervisedChild } from "./supervised-child.ts";

/** How to start one of our programs. */
export interface Program {
  readonly executable: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly environment: Readonly<Record<string, string>>;
}

/** Bounds of the supervisor's waits, in milliseconds. */
export interface SupervisorBounds {
  /** From starting the coordinator to its ready message. */
  readonly coordinatorReadyMs: number;
  /** From starting the agents to all of them healthy. */
  readonly nodesHealthyMs: number;
  /** What the processes of an earlier supervisor get to end by themselves. */
  readonly leftoversMs: number;
}

/** What a supervisor is made of. */
export interface SupervisorParts {
  readonly dataDir: DataDir;
  readonly clock: Clock;
  readonly coordinator: Program;
  /** Args and environment of a node's agent; called before every start of it. */
  readonly agent: (node: NodePlan, ready: CoordinatorReady, joinToken: string | undefined) => Program;
  readonly nodes: readonly NodePlan[];
  /** Access to the API of a coordinator that is ready. */
  readonly connect: (ready: CoordinatorReady) => LocalFleet;
  readonly newMark: () => string;
  /** A line for the person who watches. */
  readonly say: (line: string) => void;
  readonly bounds: SupervisorBounds;
}

export const defaultBounds: SupervisorBounds = {
  coordinatorReadyMs: 90_000,
  nodesHealthyMs: 60_000,
  leftoversMs: 3000,
};

/** How long children get between SIGTERM and SIGKILL. */
export interface StopGrace {
  readonly agentsMs: number;
  readonly coordinatorMs: number;
}

export const calmStop: StopGrace = { agentsMs: 8000, coordinatorMs: 10_000 };
/** When whoever started us is gone: everything has ended within 5 s, the 0.5 s to notice it included. */
export const hastyStop: StopGrace = { agentsMs: 800, coordinatorMs: 1200 };
export const hardStop: StopGrace = { agentsMs: 0, coordinatorMs: 0 };

/** One child, for `status`. */
export interface ChildReport {
  readonly name: string;
  readonly state: ChildState;
  readonly pid: number | undefined;
}

const tailLines = 20;
const healthPollMs = 100;

/**
 * Runs one coordinator and its local fleet as children. Whatever way this process ends, they end: by stop(), or by
 * their lifelines when it is killed.
 */
export class Supervisor {
  readonly #parts: SupervisorParts;
  readonly #coordinator: SupervisedChild;
  readonly #agents = new Map<string, SupervisedChild>();
  readonly #nodeIds = new Map<string, string>();
  readonly #stopping = new AbortController();
  #ready: CoordinatorReady | undefined;
  #stopped: Promise<void> | undefined;

  constructor(parts: SupervisorParts) {
    this.#parts = parts;
    const { dataDir, clock } = parts;
    this.#coordinator = new SupervisedChild(
      {
        name: "coordinator",
        executable: parts.coordinator.executable,
        args: () => parts.coordinator.args,
        cwd: parts.coordinator.cwd,
        environment: async () => withSamePorts(parts.coordinator.environment, this.#ready),
        logPath: dataDir.log("coordinator"),
        messages: true,
      },
      parts.newMark(),
      clock,
    );
    this.#coordinator.on("message", (message) => {
      this.#ready = parseCoordinatorReady(message) ?? this.#ready;
    });
    for (const node of parts.nodes) this.#agents.set(node.name, this.#agentOf(node));
  }

  #agentOf(node: NodePlan): SupervisedChild {
    const { dataDir, clock, agent, newMark } = this.#parts;
    const program = (token?: string) => agent(node, this.#requireReady(), token);
    return new SupervisedChild(
      {
        name: node.name,
        executable: this.#parts.coordinator.executable,
        args: () => program().args,
        cwd: this.#parts.coordinator.cwd,
        environment: async () => ({ ...program(await this.#joinToken(node)).environment }),
        logPath: dataDir.log(node.name),
        messages: false,
        // Stops what the agent runs but leaves its session open: at the next start every container is where it was.
        stopSignal: "SIGUSR2",
      },
      newMark(),
      clock,
    );
  }

  async #joinToken(node: NodePlan): Promise<string | undefined> {
    if (existsSync(join(this.#parts.dataDir.node(node.name), "node.json"))) return undefined;
    return await this.#parts.connect(this.#requireReady()).createJoinToken();
  }

  #requireReady(): CoordinatorReady {
    if (this.#ready === undefined) throw new Error("the coordinator is not ready");
    return this.#ready;
  }

  /** Fires when stop() is called. */
  get stopping(): AbortSignal {
    return this.#stopping.signal;
  }

  /**
   * Starts the coordinator. Resolves with its ready message; a CliFailure with the end of its log when it dies before
   * that, or takes longer than the bound.
   */
  async startCoordinator(): Promise<CoordinatorReady> {
    const { clock, dataDir, bounds } = this.#parts;
    await this.#endLeftovers();
    writeJsonFile(dataDir.supervisorRecord, {
      pid: process.pid,
      marks: [this.#coordinator.mark, ...[...this.#agents.values()].map((agent) => agent.mark)],
    });
    let death: string | undefined;
    const onDeath = (how: string) => {
      death ??= how;
    };
    this.#coordinator.once("died", onDeath);
    await this.#coordinator.start();
    await waitFor(clock, bounds.coordinatorReadyMs, 10, () => this.#ready ?? death, this.stopping);
    this.#coordinator.off("died", onDeath);
    if (this.#ready === undefined) throw this.#coordinatorFailure(death);
    this.#sayDeathsOf(this.#coordinator);
    return this.#ready;
  }

  #coordinatorFailure(death: string | undefined): CliFailure {
    const path = this.#parts.dataDir.log("coordinator");
    const lines = logTail(path, tailLines);
    // What it says to people stands last, below what it says to machines; only where it said nothing are those shown.
    const said = lines.slice(lines.findLastIndex((line) => line.startsWith("{")) + 1);
    const tail = (said.length > 0 ? said : lines).map((line) => `\n    ${line}`);
    const seconds = this.#parts.bounds.coordinatorReadyMs / 1000;
    const why = death === undefined ? `was not ready within ${seconds} s` : `ended before it was ready (${death})`;
    const log = tail.length === 0 ? "" : `; the end of its log:${tail.join("")}`;
    return new CliFailure(exitCode.failed, `the coordinator ${why}${log}`, `see ${path}`);
  }

  /** Ends what a supervisor that was killed a moment ago has left: it is about to end by its lifeline anyway. */
  async #endLeftovers(): Promise<void> {
    const record = readJsonFile(this.#parts.dataDir.supervisorRecord);
    if (typeof record !== "object" || record === null || !("marks" in record) || !Array.isArray(record.marks)) return;
    const marks = record.marks.filter((mark) => typeof mark === "string" && mark !== "");
    const left = () => marks.flatMap((mark) => markedPids(mark));
    const { clock, bounds } = this.#parts;
    await waitFor(clock, bounds.leftoversMs, 50, () => (left().length === 0 ? true : undefined), this.stopping);
    await killAll(clock, left);
  }

  #sayDeathsOf(child: SupervisedChild): void {
    child.on("died", (how, waitMs) => {
      const seconds = (waitMs / 1000).toFixed(1);
      this.#parts.say(
        `${child.program.name} ended (${how}); starting it again in ${seconds} s, log: ${child.program.logPath}`,
      );
    });
  }

  /** Starts every agent. Resolves with the names of the nodes that were not healthy within the bound: none is well. */
  async startAgents(): Promise<string[]> {
    const { clock, bounds, connect } = this.#parts;
    const earlier = new Map((await connect(this.#requireReady()).nodes()).map(({ name, heardAt }) => [name, heardAt]));
    for (const agent of this.#agents.values()) {
      await agent.start();
      this.#sayDeathsOf(agent);
    }
    let missing = [...this.#agents.keys()];
    await waitFor(
      clock,
      bounds.nodesHealthyMs,
      healthPollMs,
      async () => {
        missing = await this.#notHealthy(earlier);
        return missing.length === 0 ? true : undefined;
      },
      this.stopping,
    );
    return missing;
  }

  /** Names of the nodes that are not healthy, or were not heard of since `earlier`. */
  async #notHealthy(earlier: ReadonlyMap<string, string> = new Map()): Promise<string[]> {
    const nodes = await this.#parts.connect(this.#requireReady()).nodes();
    for (const node of nodes) this.#nodeIds.set(node.name, node.id);
    const healthy = new Set(
      nodes.filter((node) => node.healthy && node.heardAt !== earlier.get(node.name)).map((node) => node.name),
    );
    return [...this.#agents.keys()].filter((name) => !healthy.has(name));
  }

  /** The coordinator's last ready message. */
  get ready(): CoordinatorReady | undefined {
    return this.#ready;
  }

  /** Every child, the coordinator first. */
  report(): ChildReport[] {
    return [this.#coordinator, ...this.#agents.values()].map((child) => ({
      name: child.program.name,
      state: child.state,
      pid: child.pid,
    }));
  }

  /** Kills a node the hard way; it stays down until reviveNode. Resolves with how many processes were killed. */
  async killNode(name: string): Promise<number> {
    const agent = this.#agent(name);
    if (agent.state === "killed") {
      throw new CliFailure(exitCode.conflict, `node ${name} is down already`, `lormas demo revive ${name}`);
    }
    if (!this.#nodeIds.has(name)) await this.#notHealthy();
    return await agent.kill(this.#nodeIds.get(name) ?? "");
  }

  /** Starts the agent of a killed node again. */
  async reviveNode(name: string): Promise<void> {
    const agent = this.#agent(name);
    if (agent.state === "running") {
      throw new CliFailure(
        exitCode.conflict,
        `node ${name} is running (pid ${agent.pid})`,
        "there is nothing to revive",
      );
    }
    await agent.start();
  }

  #agent(name: string): SupervisedChild {
    const agent = this.#agents.get(name);
    if (agent === undefined || this.stopping.aborted) {
      const names = [...this.#agents.keys()].join(", ");
      throw new CliFailure(exitCode.notFound, `the local fleet has no node ${JSON.stringify(name)}`, `it has ${names}`);
    }
    return agent;
  }

  /**
   * Ends the coordinator, then the agents: in this order, or their goodbyes would make it move containers to nodes that
   * are about to stop as well. A later call with a shorter grace hurries what is left.
   */
  async stop(grace: StopGrace): Promise<void> {
    this.#stopping.abort();
    if (this.#stopped !== undefined && grace.agentsMs === 0) {
      await Promise.all([...this.#agents].map(([name, agent]) => agent.kill(this.#nodeIds.get(name) ?? "")));
      await this.#coordinator.kill("");
    }
    this.#stopped ??= this.#stopAll(grace);
    await this.#stopped;
  }

  async #stopAll(grace: StopGrace): Promise<void> {
    await this.#coordinator.stop(grace.coordinatorMs, "");
    await Promise.all(
      [...this.#agents].map(([name, agent]) => agent.stop(grace.agentsMs, this.#nodeIds.get(name) ?? "")),
    );
    for (const child of [this.#coordinator, ...this.#agents.values()]) child.close();
    rmSync(this.#parts.dataDir.supervisorRecord, { force: true });
    rmSync(this.#parts.dataDir.coordinatorRecord, { force: true });
  }
}
