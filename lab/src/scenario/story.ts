import { type Container, ContainerStatus, ContainerType } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { LEASE_PROFILES, type LeasePolicy, waitMs } from "@lormas/lease/lease-policy.ts";
import type { LabHost } from "../hosts/lab-host.ts";
import type { Lab } from "../lab.ts";
import { until } from "../until.ts";
import type { Copy } from "../witness/copy-runs.ts";
import { Witness } from "../witness/witness.ts";
import { witnessEgg } from "../witness/witness-egg.ts";
import { eventsAfter } from "./events-after.ts";
import type { Scenario } from "./scenario.ts";
import { StoryLog } from "./story-log.ts";
import { heldBy, unsettled } from "./unsettled.ts";
import { votersHold } from "./voters-hold.ts";

/** How much longer than promised a story waits before it gives up, so that a failure comes with its figure. */
const PATIENCE_MS = 45_000;
const READY_MS = 90_000;
const SETTLE_MS = 120_000;
/** Between the end of a process and the last beat that it might have written, and the look at it. */
const LOOK_MS = 300;

/** What a story measured. */
export type Figures = {
  /** From each fault to the first beat of the copy that takes over, and what was allowed. */
  failoverMs: number[];
  boundMs: number;
  /** For how long two copies ran at once, and no copy of a container at all, at most. */
  overlapMs: number;
  awayMs: number;
  /** Copies that ran, of all containers together. */
  copies: number;
};

/** Tells one story on a lab: does to hosts what it is told to, waits for what must follow, and keeps the log. */
export class Story {
  readonly lab: Lab;
  readonly log: StoryLog;
  readonly figures: Figures = { failoverMs: [], boundMs: 0, overlapMs: 0, awayMs: 0, copies: 0 };
  readonly #containers: string[] = [];
  /** Every container's copy at the last fault. */
  #before = new Map<string, Copy | undefined>();
  #faultMs = 0;
  #firstEvent = 0n;

  constructor(lab: Lab, title: string) {
    this.lab = lab;
    this.log = new StoryLog(title);
  }

  get policy(): LeasePolicy {
    return LEASE_PROFILES[this.lab.record.profile];
  }

  /** W: what the leader waits before it may declare a node dead. */
  get waitMs(): number {
    return waitMs(this.policy);
  }

  /** Waits until every voter counts: before, no death can be proven. */
  async begin(): Promise<void> {
    await until("every host votes and has held its lease for the whole of W", READY_MS, async () => {
      const { cluster } = await this.lab.api().clusters.getCluster({ id: "local" });
      const voters = cluster?.group?.voters ?? [];
      return (
        voters.length >= Math.min(3, this.lab.nodes.length) &&
        voters.every(({ heldMs }) => Number(heldMs) >= this.waitMs)
      );
    });
    this.#firstEvent = (await this.lab.api().events.listEvents({ latest: true, pageSize: 1 })).asOf;
  }

  /** Waits until the group has so many voters, and each has held its lease for the whole of W. */
  async votersAre(count: number): Promise<void> {
    await until(`${count} voters have held their leases for the whole of W`, READY_MS, () =>
      votersHold(this.lab, count),
    );
  }

  /** Waits until no migration is under way. */
  async moved(): Promise<void> {
    await until("no migration is under way", READY_MS, async () => {
      const { migrations } = await this.lab.api().migrations.listMigrations({ activeOnly: true });
      return migrations.length === 0;
    });
  }

  /** Creates HA containers, and waits until each runs. */
  async runs(...names: readonly string[]): Promise<void> {
    for (const name of names) {
      await this.lab.api().containers.createContainer({
        ...{ name, eggId: witnessEgg.id, type: ContainerType.HA },
        environment: names.length > 10 ? { BEAT_S: "0.1" } : {},
      });
      this.#containers.push(name);
    }
    await until(`${names.join(", ")} run`, READY_MS, async () => {
      const running = (await this.#listed()).filter(({ status }) => status === ContainerStatus.RUNNING);
      return names.every(
        (name) => running.some((container) => container.name === name) && this.lab.witness.beats(name),
      );
    });
    if (names.length === 1) this.tell(`${names[0]} runs on ${this.home(names[0] ?? "").name}`);
    else this.tell(`${names.length} containers run`);
  }

  /** The host on which the newest copy of a container runs. */
  home(container: string): LabHost {
    const copy = this.lab.witness.last(container);
    if (!copy) throw new Error(`no copy of ${container} has run yet`);
    return this.lab.host(copy.host);
  }

  /** Hosts with an agent other than this one. */
  others(host: LabHost): LabHost[] {
    return this.lab.nodes.filter(({ name }) => name !== host.name);
  }

  tell(line: string): void {
    this.log.tell(line);
  }

  /** Something goes wrong; from here on the next failover is measured. */
  async fault(says: string, make: () => Promise<void> | void): Promise<void> {
    this.tell(`fault: ${says}`);
    this.#before = new Map(this.#containers.map((name) => [name, this.lab.witness.last(name)]));
    this.#faultMs = Witness.nowMs();
    await make();
  }

  async mend(says: string, make: () => Promise<void> | void): Promise<void> {
    this.tell(`mended: ${says}`);
    await make();
  }

  /** Another host runs each container under a higher epoch, no later after the fault than the product promises. */
  async failOver(...names: readonly string[]): Promise<void> {
    await this.failOverLater(0, "within its bound", ...names);
  }

  /** The same for faults that the product notices later than a death: by so much. */
  async failOverLater(byMs: number, says: string, ...names: readonly string[]): Promise<void> {
    const listed = await until("the coordinator answers", READY_MS, () => this.#listed());
    for (const name of names) {
      const shownMs = listed.find((container) => container.name === name)?.failoverBoundMs ?? 0;
      if (shownMs === 0) throw new Error(`the product promises nothing for ${name}`);
      const boundMs = shownMs + byMs;
      const before = this.#before.get(name);
      const after = await until(`${name} runs on another host`, boundMs + PATIENCE_MS, () =>
        this.lab.witness.copies(name).find((copy) => copy.epoch > (before?.epoch ?? 0) && copy.host !== before?.host),
      );
      const tookMs = (after.runs[0]?.fromMs ?? 0) - this.#faultMs;
      this.figures.failoverMs.push(tookMs);
      this.figures.boundMs = boundMs;
      if (tookMs > boundMs) {
        throw new Error(`${name} was away for ${tookMs} ms after the fault; the product promised ${boundMs} ms`);
      }
      if (names.length === 1) this.tell(`${name} runs on ${after.host}, ${says}`);
    }
    if (names.length > 1) this.tell(`${names.length} containers run on other hosts, each ${says}`);
  }

  /** No copy of a container runs on a host any more, at most so long after the fault. */
  async endOn(host: LabHost, container: string, withinMs: number, says: string): Promise<void> {
    await until(`${container} has ended on ${host.name}`, withinMs + PATIENCE_MS, () => {
      return !this.lab.witness.beats(container, host.name);
    });
    const copies = this.lab.witness.copies(container).filter((copy) => copy.host === host.name);
    const tookMs = Math.max(0, ...copies.map((copy) => copy.runs.at(-1)?.untilMs ?? 0)) - this.#faultMs;
    if (tookMs > withinMs + LOOK_MS) {
      throw new Error(`${container} ran on ${host.name} for ${tookMs} ms after the fault, ${withinMs} ms are promised`);
    }
    this.tell(`${container} has ended on ${host.name} ${says}`);
  }

  /** Lets so much time pass after the fault. */
  async pass(forMs: number): Promise<void> {
    await until(`${forMs} ms have passed`, forMs + PATIENCE_MS, () => Witness.nowMs() >= this.#faultMs + forMs);
  }

  /** A copy of the container runs, on whatever host, at most so long after the fault. */
  async runsAgain(container: string, withinMs: number): Promise<void> {
    const before = this.#before.get(container);
    const after = await until(`${container} runs again`, withinMs + PATIENCE_MS, () => {
      return this.lab.witness
        .copies(container)
        .find((copy) => copy.id !== before?.id && copy.runs.some(({ fromMs }) => fromMs > this.#faultMs));
    });
    const tookMs = (after.runs[0]?.fromMs ?? 0) - this.#faultMs;
    this.figures.failoverMs.push(tookMs);
    this.figures.boundMs = withinMs;
    if (tookMs > withinMs)
      throw new Error(`${container} was away for ${tookMs} ms after the fault, ${withinMs} ms are allowed`);
    this.tell(`${container} runs again`);
  }

  /** For so long after the fault the copies that ran before it go on, without a pause, and no other begins. */
  async runOn(forMs: number, ...names: readonly string[]): Promise<void> {
    await this.pass(forMs);
    for (const name of names) {
      const before = this.#before.get(name);
      const since = this.lab.witness.copies(name).filter(({ runs }) => (runs.at(-1)?.untilMs ?? 0) > this.#faultMs);
      const [only] = since;
      const whole = only?.runs.some((run) => run.fromMs <= this.#faultMs && run.untilMs >= this.#faultMs + forMs - 500);
      if (since.length !== 1 || only?.id !== before?.id || !whole) {
        throw new Error(`${name} did not run on: ${JSON.stringify(since)}`);
      }
    }
    this.tell(`${names.join(", ")} ${names.length === 1 ? "runs" : "run"} on for ${forMs / 1_000} s, the same copy`);
  }

  /** Throws when the engine of a host does not hold a copy of the container, running or not. */
  async holds(host: LabHost, container: string): Promise<void> {
    const { id = "" } = (await this.#listed()).find(({ name }) => name === container) ?? {};
    if (!heldBy(host).includes(id)) throw new Error(`the engine of ${host.name} holds no copy of ${container}`);
    this.tell(`the engine of ${host.name} still holds a copy of ${container}`);
  }

  /** For the control experiment: two copies run at once for so long. */
  async runBoth(container: string, forMs: number): Promise<void> {
    await until(`two copies of ${container} run at once for ${forMs} ms`, forMs + PATIENCE_MS, () => {
      return this.lab.witness.overlaps(container).some(({ ms }) => ms >= forMs);
    });
    this.tell(`two copies of ${container} run at once`);
  }

  /**
   * Everything is as it should be: hosts healthy, each container runs once and where the coordinator believes, no migration is
   * under way, and no engine holds a copy besides.
   */
  async settle(): Promise<void> {
    await this.lab.healthy();
    let wrong = "nothing was looked at";
    try {
      await until("the fleet settles", SETTLE_MS, async () => {
        wrong = await unsettled(this.lab);
        return wrong === "";
      });
    } catch (error) {
      throw new Error(`the fleet does not settle: ${wrong}`, { cause: error });
    }
    this.tell(
      "settled: every host is healthy, each container runs once, no stale copy is left, no migration is under way",
    );
  }

  /** The end of the log: what coordinator and witness have to say. Answers how long two copies ran at once. */
  async end(course: Scenario["course"]): Promise<number> {
    if (course === "one") await this.#tellCourse();
    const overlaps = this.#containers.flatMap((name) => this.lab.witness.overlaps(name));
    const gaps = this.#containers.flatMap((name) => this.lab.witness.gaps(name).map(({ ms }) => ms));
    this.figures.awayMs = Math.max(0, ...gaps);
    this.figures.copies = this.#containers.flatMap((name) => this.lab.witness.copies(name)).length;
    this.figures.overlapMs = overlaps.reduce((sum, { ms }) => sum + ms, 0);
    return this.figures.overlapMs;
  }

  async #tellCourse(): Promise<void> {
    const { nodes } = await this.lab.api().nodes.listNodes({});
    const containers = await this.#listed();
    this.log.events(await eventsAfter(this.lab, this.#firstEvent), {
      nodes: new Map(nodes.map(({ id, name }) => [id, name])),
      containers: new Map(containers.map(({ id, name }) => [id, name])),
    });
    this.log.section("The witness saw");
    for (const name of this.#containers) {
      const copies = this.lab.witness.copies(name).map(({ epoch, host }) => `epoch ${epoch} on ${host}`);
      this.tell(`${name}: ${copies.join(", ")}`);
    }
  }

  async #listed(): Promise<Container[]> {
    const { containers } = await this.lab.api().containers.listContainers({ pageSize: 500 });
    return containers
      .filter(({ name }) => this.#containers.includes(name))
      .sort((a, b) => a.name.localeCompare(b.name));
  }
}
