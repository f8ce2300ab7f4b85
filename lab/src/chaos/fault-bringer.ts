import { setTimeout as delay } from "node:timers/promises";
import { SeededRandom } from "@lormas/chance/seeded-random.ts";
import type { LabMachine } from "../hosts/lab-machine.ts";
import type { Lab } from "../lab.ts";
import { makeFault } from "../named-faults.ts";
import { Witness } from "../witness/witness.ts";
import { CHAOS_FAULTS, type ChaosFault } from "./chaos-fault.ts";
import type { Injury } from "./injury.ts";

/** So many hosts suffer something at the same time, at most. */
const AT_ONCE = 2;
const PAUSE_S = [0.5, 8] as const;

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

  /** Until it is told to end; then every host is as it was. Rejects when one does not come back. */
  async run(end: AbortSignal): Promise<void> {
    await Promise.all(Array.from({ length: AT_ONCE }, (_, lane) => this.#lane(lane, end)));
  }

  async #lane(lane: number, end: AbortSignal): Promise<void> {
    const random = new SeededRandom(this.#seed, `faults ${lane}`);
    const bag = CHAOS_FAULTS.flatMap((fault) => Array.from({ length: fault.weight ?? 1 }, () => fault));
    for (;;) {
      await delay(random.between(...PAUSE_S) * 1_000, undefined, { signal: end }).catch(() => undefined);
      if (end.aborted) return;
      const fault = random.oneOf(bag);
      const host = random.oneOf(this.#whole(fault?.on ?? "node"));
      const lastsMs = random.between(...(fault?.lastsS ?? [1, 1])) * 1_000;
      if (fault && host) await this.#bring(fault, host, lastsMs, end);
    }
  }

  #whole(on: ChaosFault["on"]): LabMachine[] {
    const all = on === "control" ? [this.#lab.control] : this.#lab.nodes;
    return all.filter(({ name }) => !this.#suffering.has(name));
  }

  async #bring(fault: ChaosFault, host: LabMachine, lastsMs: number, end: AbortSignal): Promise<void> {
    this.#suffering.add(host.name);
    const fromMs = Witness.nowMs();
    this.#told(`${host.name}: ${fault.name} for ${(lastsMs / 1_000).toFixed(1)} s`);
    try {
      await makeFault(host, fault.name);
      await delay(lastsMs, undefined, { signal: end }).catch(() => undefined);
    } finally {
      await host.heal();
      this.injuries.push({ host: host.name, fault: fault.name, fromMs, untilMs: Witness.nowMs() });
      this.#suffering.delete(host.name);
    }
  }
}
