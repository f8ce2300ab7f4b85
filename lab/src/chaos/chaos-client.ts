import { setTimeout as delay } from "node:timers/promises";
import { Code, ConnectError } from "@connectrpc/connect";
import { SeededRandom } from "@lormas/chance/seeded-random.ts";
import { ContainerType } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import type { ApiClient } from "../../../cli/src/client/api-client.ts";
import type { Lab } from "../lab.ts";
import { witnessEgg } from "../witness/witness-egg.ts";
import { ToldContainer, type Wanted } from "./told-container.ts";

/** So many containers one client has at most. */
const CONTAINERS_MAX = 4;
const PAUSE_S = [0.2, 2.5] as const;
const CALL_MS = 5_000;
/** Refusals for good: the call took no effect. With any other failure it may have. */
const REFUSALS: readonly Code[] = [
  Code.FailedPrecondition,
  Code.InvalidArgument,
  Code.NotFound,
  Code.AlreadyExists,
  Code.ResourceExhausted,
  Code.OutOfRange,
];

type Act = { readonly name: string; readonly weight: number };
const ACTS: readonly Act[] = [
  { name: "migrate", weight: 4 },
  { name: "stop", weight: 1 },
  { name: "start", weight: 2 },
  { name: "restart", weight: 1 },
  { name: "delete", weight: 1 },
];

/** Somebody who creates, moves, stops and deletes HA containers all the time, and remembers what was acknowledged. */
export class ChaosClient {
  readonly containers: ToldContainer[] = [];
  readonly #lab: Lab;
  readonly #name: string;
  readonly #random: SeededRandom;
  #made = 0;
  acknowledged = 0;
  refused = 0;
  unanswered = 0;
  /** Acknowledged containers that were said not to exist. */
  readonly lost: string[] = [];

  constructor(lab: Lab, seed: number, name: string) {
    this.#lab = lab;
    this.#name = name;
    this.#random = new SeededRandom(seed, `client ${name}`);
  }

  async run(end: AbortSignal): Promise<void> {
    const bag = ACTS.flatMap(({ name, weight }) => Array.from({ length: weight }, () => name));
    while (!end.aborted) {
      const alive = this.containers.filter(({ mayExist }) => mayExist);
      const one = this.#random.oneOf(alive);
      const act = this.#random.oneOf(bag) ?? "migrate";
      const grow = this.#random.chance(0.5);
      if (alive.length === 0 || (grow && alive.length < CONTAINERS_MAX)) await this.#create();
      else if (one) await this.#do(act, one);
      await delay(this.#random.between(...PAUSE_S) * 1_000, undefined, { signal: end }).catch(() => undefined);
    }
  }

  async #create(): Promise<void> {
    this.#made += 1;
    const told = new ToldContainer(`${this.#name}-${this.#made}`, false);
    this.containers.push(told);
    const { name } = told;
    await this.#call(told, "running", (api) =>
      api.containers.createContainer(
        { name, eggId: witnessEgg.id, type: ContainerType.HA, environment: { BEAT_S: "0.1" } },
        { timeoutMs: CALL_MS },
      ),
    );
  }

  async #do(act: string, told: ToldContainer): Promise<void> {
    const request = { id: told.name };
    const options = { timeoutMs: CALL_MS };
    switch (act) {
      case "stop":
        return await this.#call(told, "stopped", (api) => api.containers.stopContainer(request, options));
      case "start":
        return await this.#call(told, "running", (api) => api.containers.startContainer(request, options));
      case "delete":
        return await this.#call(told, "gone", (api) => api.containers.deleteContainer(request, options));
      case "restart":
        return await this.#call(told, null, (api) => api.containers.restartContainer(request, options));
      default:
        return await this.#call(told, null, (api) => api.containers.migrateContainer(request, options));
    }
  }

  /** @param wanted null: the call changes nothing of what the container is to be */
  async #call(told: ToldContainer, wanted: Wanted | null, call: (api: ApiClient) => Promise<unknown>): Promise<void> {
    try {
      await call(this.#lab.api());
      this.acknowledged += 1;
      if (wanted) told.acknowledged(wanted);
    } catch (error) {
      const code = error instanceof ConnectError ? error.code : Code.Unknown;
      if (!REFUSALS.includes(code)) {
        this.unanswered += 1;
        if (wanted) told.unanswered();
        return;
      }
      this.refused += 1;
      if (code === Code.NotFound && told.wanted === null) told.absent();
      else if (code === Code.NotFound) this.lost.push(told.name);
    }
  }
}
