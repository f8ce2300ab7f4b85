import { ContainerStatus, ContainerType } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { Lab } from "@lormas/lab/lab.ts";
import { heldBy, unsettled } from "@lormas/lab/scenario/unsettled.ts";
import { votersHold } from "@lormas/lab/scenario/voters-hold.ts";
import type { LabRecord } from "@lormas/lab/state/lab-record.ts";
import { until } from "@lormas/lab/until.ts";
import type { Witness } from "@lormas/lab/witness/witness.ts";
import { witnessEgg } from "@lormas/lab/witness/witness-egg.ts";
import { LEASE_PROFILES } from "@lormas/lease/lease-policy.ts";
import type { BenchRun } from "../frame/bench-run.ts";
import {
  ALONE_CPU_MILLIS,
  type Contender,
  CROWD_BEAT_S,
  type Crowd,
  heardOn,
  namesOf,
  runsOnce,
  type Workhorse,
} from "./contender.ts";
import { inParallel } from "./in-parallel.ts";
import { labNeeded } from "./lab-needed.ts";

/** Hosts with an agent: as many as vote, so that a majority is left when one dies. */
const HOSTS = 3;
const READY_MS = 180_000;
const CROWD_MS = 300_000;
const CROWD_POLL_MS = 500;
const CALLS_AT_ONCE = 8;
const PAGE_SIZE = 500;

/** The product: three hosts with an agent, and one for coordinator and database. */
export class LormasContender implements Contender {
  readonly name: string;
  readonly lab: Lab;

  private constructor(lab: Lab) {
    this.lab = lab;
    this.name = `Lormas ${lab.record.profile}`;
  }

  /** A lab of its own that ends with this part of the run. */
  static async up(part: BenchRun, profile: string): Promise<LormasContender> {
    const known = Object.keys(LEASE_PROFILES).find((name) => name === profile) as LabRecord["profile"] | undefined;
    if (!known) throw new Error(`no profile ${profile}: choose among ${Object.keys(LEASE_PROFILES).join(", ")}`);
    await labNeeded(part);
    const contender = new LormasContender(await Lab.up({ hosts: HOSTS, kind: "test", profile: known }));
    await contender.#whole();
    return contender;
  }

  get witness(): Witness {
    return this.lab.witness;
  }

  get hosts(): readonly Workhorse[] {
    return this.lab.nodes;
  }

  async create(container: string): Promise<void> {
    await this.lab.api().containers.createContainer({
      ...{ name: container, eggId: witnessEgg.id, type: ContainerType.HA },
      resources: { cpuMillis: ALONE_CPU_MILLIS },
    });
    await this.#settled(container);
  }

  async remove(container: string): Promise<void> {
    await this.lab.api().containers.deleteContainer({ id: container });
  }

  async heal(container: string | null): Promise<void> {
    await this.lab.heal();
    await this.#settled(container);
  }

  async ready(container: string | null): Promise<void> {
    await this.heal(container);
    await this.#whole();
    await this.#settled(container);
  }

  async move(container: string): Promise<void> {
    await this.lab.api().containers.migrateContainer({ id: container });
  }

  async gather(crowd: Crowd, home: Workhorse): Promise<void> {
    const { nodes, containers } = this.lab.api();
    const others = this.hosts.filter(({ name }) => name !== home.name);
    for (const { name } of others) await nodes.cordonNode({ id: name });
    const { memoryBytes } = witnessEgg.defaultResources;
    await inParallel(namesOf(crowd), CALLS_AT_ONCE, async (name) => {
      await containers.createContainer({
        ...{ name, eggId: witnessEgg.id, type: ContainerType.HA, environment: { BEAT_S: CROWD_BEAT_S } },
        resources: { cpuMillis: crowd.cpuMillis, memoryBytes: BigInt(memoryBytes) },
      });
    });
    await until(
      `${crowd.size} containers run on ${home.name}`,
      CROWD_MS,
      () => heardOn(this, crowd, home) === crowd.size,
      CROWD_POLL_MS,
    );
    for (const { name } of others) await nodes.uncordonNode({ id: name });
  }

  async clear(): Promise<void> {
    const { nodes, containers } = this.lab.api();
    for (const { name } of this.hosts) await nodes.uncordonNode({ id: name });
    const { containers: present } = await containers.listContainers({ pageSize: PAGE_SIZE });
    await inParallel(present, CALLS_AT_ONCE, async ({ id, name }) => {
      // One that is being moved is not deleted: until it has arrived.
      await until(`${name} is deleted`, CROWD_MS, () => containers.deleteContainer({ id }), CROWD_POLL_MS);
    });
    const gone = () => this.lab.nodes.every((host) => !host.isOn || heldBy(host).length === 0);
    await until("every copy is gone", CROWD_MS, gone, CROWD_POLL_MS);
  }

  /** Until every voter counts, no death can be proven. */
  async #whole(): Promise<void> {
    await until("every host votes and has held its lease for the whole of W", READY_MS, () =>
      votersHold(this.lab, HOSTS),
    );
  }

  async #settled(container: string | null): Promise<void> {
    let wrong = "nothing was looked at";
    try {
      await until("the fleet settles", READY_MS, async () => {
        wrong = container === null ? await this.#crowdUnsettled() : await unsettled(this.lab);
        return wrong === "" && (container === null || runsOnce(this, container));
      });
    } catch (error) {
      throw new Error(`the fleet does not settle: ${wrong}`, { cause: error });
    }
  }

  /** Like `unsettled`, without the witness: it hears the many too seldom to say that one runs now. */
  async #crowdUnsettled(): Promise<string> {
    const { migrations } = await this.lab.api().migrations.listMigrations({ activeOnly: true });
    if (migrations.length > 0) return `${migrations.length} containers are being moved`;
    const { containers } = await this.lab.api().containers.listContainers({ pageSize: PAGE_SIZE });
    const still = containers.filter(({ status }) => status !== ContainerStatus.RUNNING);
    if (still.length > 0) return `${still.length} of ${containers.length} containers do not run`;
    for (const host of this.lab.nodes) {
      const its = containers.filter(({ nodeName }) => nodeName === host.name).length;
      const held = heldBy(host).length;
      if (held !== its) return `the engine of ${host.name} holds ${held} copies, and should hold ${its}`;
    }
    return "";
  }
}
