import { setTimeout as delay } from "node:timers/promises";
import type { Resources } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import type { Lab } from "../lab.ts";

const PAUSE_MS = 1_000;
const CALL_MS = 5_000;

/** Looks again and again whether more is promised on a node than it has. */
export class RoomWatch {
  readonly #lab: Lab;
  looks = 0;
  readonly exceeded: string[] = [];

  constructor(lab: Lab) {
    this.#lab = lab;
  }

  async run(end: AbortSignal): Promise<void> {
    while (!end.aborted) {
      await this.#look().catch(() => undefined); // The control plane is down as often as not.
      await delay(PAUSE_MS, undefined, { signal: end }).catch(() => undefined);
    }
  }

  async #look(): Promise<void> {
    const { nodes } = await this.#lab.api().nodes.listNodes({}, { timeoutMs: CALL_MS });
    this.looks += 1;
    for (const { name, allocated, capacity } of nodes) {
      if (allocated && capacity && isMore(allocated, capacity)) this.exceeded.push(name);
    }
  }
}

function isMore(allocated: Resources, capacity: Resources): boolean {
  return (
    allocated.cpuMillis > capacity.cpuMillis ||
    allocated.memoryBytes > capacity.memoryBytes ||
    allocated.diskBytes > capacity.diskBytes
  );
}
