import { setTimeout as delay } from "node:timers/promises";
import { SeededRandom } from "@lormas/chance/seeded-random.ts";
import type { LabMachine } from "../hosts/lab-machine.ts";
import type { Lab } from "../lab.ts";
import { makeFault } from "../named-faults.ts";
import { ServiceDown } from "../services/host-service.ts";
import { Witness } from "../witness/witness.ts";
import { CHAOS_FAULTS, type ChaosFault } from "./chaos-fault.ts";
import { CALM_MS, SUDDEN } from "./failover-times.ts";
import type { Injury } from "./injury.ts";

/** So many hosts suffer something at the same time, at most. */
const AT_ONCE = 2;
const PAUSE_S = [0.5, 8] as const;
/** So long faults come one upon the other; longer than the campaign of every commit. */
const STORM_MS = 240_000;
/** Longer than any failover may take. */
const ALONE_MS = 20_000;

/** Brings faults over the hosts of a lab as a seed draws them, and undoes each. */
export class FaultBringer {
  readonly #lab: Lab;
  readonly #seed: number;
  readonly #told: (line: string) => void;
  readonly #suffering = new Set<string>();
  /** What has happened to hosts so far. */
  readonly injuries: Injury[] = [];

  constructor(lab: Lab, seed: number, told: (line: string) => void) {
    this.#lab = lab;
    this.#seed = seed;
    this.#told = told;
  }

  /**
   * Until it is told to end; then every host is as it was. Faults come two at a time, and every STORM_MS they rest for a while, and
   * one alone takes a node away: only there is the bound of a failover measured. Rejects when a host does not come back.
   */
  async run(end: AbortSignal): Promise<void> {
    for (let round = 0; !end.aborted; round++) {
      const storm = AbortSignal.any([end, AbortSignal.timeout(STORM_MS)]);
      await Promise.all(Array.from({ length: AT_ONCE }, (_, lane) => this.#lane(`${round} ${lane}`, storm)));
      await this.#alone(round, end);
    }
  }

  async #alone(round: number, end: AbortSignal): Promise<void> {
    const random = new SeededRandom(this.#seed, `alone ${round}`);
    const name = random.oneOf([...SUDDEN]);
    const host = random.oneOf(this.#lab.nodes);
    await delay(CALM_MS + 1_000, undefined, { signal: end }).catch(() => undefined);
    if (end.aborted || !name || !host) return;
    await this.#bring(name, host, ALONE_MS, end);
  }

  async #lane(lane: string, end: AbortSignal): Promise<void> {
    const random = new SeededRandom(this.#seed, `faults ${lane}`);
    const bag = CHAOS_FAULTS.flatMap((fault) => Array.from({ length: fault.weight ?? 1 }, () => fault));
    for (;;) {
      await delay(random.between(...PAUSE_S) * 1_000, undefined, { signal: end }).catch(() => undefined);
      if (end.aborted) return;
      const fault = random.oneOf(bag);
      const host = random.oneOf(this.#whole(fault?.on ?? "node"));
      const lastsMs = random.between(...(fault?.lastsS ?? [1, 1])) * 1_000;
      if (fault && host) await this.#bring(fault.name, host, lastsMs, end);
    }
  }

  #whole(on: ChaosFault["on"]): LabMachine[] {
    const all = on === "control" ? [this.#lab.control] : this.#lab.nodes;
    return all.filter(({ name }) => !this.#suffering.has(name));
  }

  async #bring(fault: string, host: LabMachine, lastsMs: number, end: AbortSignal): Promise<void> {
    this.#suffering.add(host.name);
    const fromMs = Witness.nowMs();
    this.#told(`${host.name}: ${fault} for ${(lastsMs / 1_000).toFixed(1)} s`);
    let isHit = false;
    try {
      await makeFault(host, fault);
      isHit = true;
      await delay(lastsMs, undefined, { signal: end }).catch(() => undefined);
    } catch (error) {
      // As right after a boot, or between a guard's end and its next start: there is nobody to be hit.
      if (!(error instanceof ServiceDown)) throw error;
      this.#told(`${host.name}: ${fault} hits nobody: ${error.message}`);
    } finally {
      await host.heal();
      if (isHit) this.injuries.push({ host: host.name, fault, fromMs, untilMs: Witness.nowMs() });
      this.#suffering.delete(host.name);
    }
  }
}
