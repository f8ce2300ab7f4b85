import { setTimeout as pause } from "node:timers/promises";
import { SwarmLab } from "@lormas/lab/swarm/swarm-lab.ts";
import { until } from "@lormas/lab/until.ts";
import type { Witness } from "@lormas/lab/witness/witness.ts";
import { witnessEgg } from "@lormas/lab/witness/witness-egg.ts";
import type { BenchRun } from "../frame/bench-run.ts";
import {
  ALONE_CPU_MILLIS,
  type Contender,
  CROWD_BEAT_S,
  type Crowd,
  heardOn,
  runsOnce,
  type Workhorse,
} from "./contender.ts";
import { labNeeded } from "./lab-needed.ts";

/** How a swarm is set up for what is measured. */
export type SwarmSetting = {
  readonly name: string;
  /** Between two heartbeats of a node to the dispatcher; Docker's own: 5 s. */
  readonly heartbeatMs: number;
  /** Docker's own, where null: 5 s. */
  readonly restartDelay: string | null;
};

export const SWARM_DEFAULT: SwarmSetting = { name: "Swarm default", heartbeatMs: 5_000, restartDelay: null };
export const SWARM_ONE_SECOND: SwarmSetting = { name: "Swarm 1 s", heartbeatMs: 1_000, restartDelay: null };
export const SWARM_TUNED: SwarmSetting = { name: "Swarm 1 s, delay 0", heartbeatMs: 1_000, restartDelay: "0s" };
/** Its edge: much below it falls apart. */
export const SWARM_FASTEST: SwarmSetting = { name: "Swarm 0.5 s, delay 0", heartbeatMs: 500, restartDelay: "0s" };

const MANAGERS = 3;
const READY_MS = 120_000;
const CROWD_MS = 300_000;
const CROWD_POLL_MS = 500;
/** Heartbeats of a node that has just come back before the next fault: its first period is not yet the one that is measured. */
const SETTLE_HEARTBEATS = 3;

/** Docker Swarm: three managers that run no containers, and workers. */
export class SwarmContender implements Contender {
  readonly lab: SwarmLab;
  #setting: SwarmSetting = SWARM_DEFAULT;

  private constructor(lab: SwarmLab) {
    this.lab = lab;
  }

  /** A swarm of its own that ends with this part of the run. */
  static async up(part: BenchRun, workers: number): Promise<SwarmContender> {
    await labNeeded(part);
    return new SwarmContender(await SwarmLab.up({ managers: MANAGERS, workers }));
  }

  get name(): string {
    return this.#setting.name;
  }

  get setting(): SwarmSetting {
    return this.#setting;
  }

  get witness(): Witness {
    return this.lab.witness;
  }

  get hosts(): readonly Workhorse[] {
    return this.lab.workers;
  }

  /** Takes another setting from here on; services that are there keep the delay with which they were created. */
  async set(setting: SwarmSetting): Promise<void> {
    const before = this.#setting;
    this.#setting = setting;
    this.lab.docker("swarm", "update", "--dispatcher-heartbeat", `${setting.heartbeatMs}ms`);
    // A node hears of the new period in the answer to a heartbeat of the old one.
    await pause(before.heartbeatMs + SETTLE_HEARTBEATS * setting.heartbeatMs);
  }

  async create(container: string): Promise<void> {
    this.lab.create({
      ...{ name: container, copies: 1, restartDelay: this.#setting.restartDelay, beatS: "0.05" },
      ...{ cpuMillis: ALONE_CPU_MILLIS, memoryBytes: Number(witnessEgg.defaultResources.memoryBytes) },
    });
    await this.#runsOnce(container);
  }

  async remove(container: string): Promise<void> {
    await this.lab.remove(container);
  }

  async heal(container: string | null): Promise<void> {
    await this.lab.heal();
    await this.#runsOnce(container);
  }

  async ready(container: string | null): Promise<void> {
    await this.heal(container);
    await pause(SETTLE_HEARTBEATS * this.#setting.heartbeatMs);
    await this.#runsOnce(container);
  }

  async move(_container: string, from: Workhorse): Promise<void> {
    this.lab.docker("node", "update", "--availability", "drain", from.name);
  }

  async gather(crowd: Crowd, home: Workhorse): Promise<void> {
    const others = this.hosts.filter(({ name }) => name !== home.name);
    for (const { name } of others) this.lab.docker("node", "update", "--availability", "pause", name);
    this.lab.create({
      ...{ name: crowd.name, copies: crowd.size, restartDelay: this.#setting.restartDelay, beatS: CROWD_BEAT_S },
      ...{ cpuMillis: crowd.cpuMillis, memoryBytes: Number(witnessEgg.defaultResources.memoryBytes) },
    });
    const heard = () => heardOn(this, crowd, home) === crowd.size;
    await until(`${crowd.size} containers run on ${home.name}`, CROWD_MS, heard, CROWD_POLL_MS);
    for (const { name } of others) this.lab.docker("node", "update", "--availability", "active", name);
  }

  async clear(): Promise<void> {
    const services = this.lab.docker("service", "ls", "--format", "{{.Name}}").split("\n").filter(Boolean);
    for (const name of services) await this.lab.remove(name);
  }

  async #runsOnce(container: string | null): Promise<void> {
    if (container === null) return;
    await until(`one copy of ${container} beats, and no other`, READY_MS, () => runsOnce(this, container));
  }
}
