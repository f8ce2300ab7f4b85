import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  type Container,
  ContainerStatus,
  ContainerType,
  MigrationOutcome,
} from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { FOLDER_FILES, RECORDING } from "@lormas/wire/armed-folder.ts";
import { FAILPOINT_VARIABLE } from "@lormas/wire/failpoints.ts";
import { expect } from "vitest";
import { until } from "../../lab/src/until.ts";
import { AlertSink } from "../fleet/alert-sink.ts";
import { BEATING, CopyRecords, offerBeatingEgg, overlaps } from "../fleet/beating-copy.ts";
import { copiesOf } from "../fleet/fleet-processes.ts";
import { ProcessFleet } from "../fleet/process-fleet.ts";

/** How long anything may take that a fault has interrupted. */
export const MEND_MS = 60_000;
/** Of each process's log, so many lines are shown when something fails. */
const LAST_LINES = 40;
const NODES = ["node-1", "node-2", "node-3"];
const ENDED: readonly MigrationOutcome[] = [
  MigrationOutcome.COMPLETED,
  MigrationOutcome.FAILED,
  MigrationOutcome.CANCELLED,
];

/** Proves nothing of any host: W is waited for. */
const FENCES_NOTHING = "#!/bin/sh\nexit 1\n";

/** A fleet of real processes in which any failpoint can be armed, and what may be said of it afterwards. */
export class FailpointRig {
  readonly fleet: ProcessFleet;
  readonly copies: CopyRecords;
  readonly #armFolder: string;
  readonly #receiver: AlertSink;
  /** Where each epoch was journalled as started: "container epoch" to node names. */
  readonly #started = new Map<string, Set<string>>();
  /** By container: epochs whose copy was made to crash. */
  readonly #crashed = new Map<string, number[]>();
  #made = 0;
  /** The container that runs are about; made anew when a run has failed. */
  #container: string | null = null;

  private constructor(fleet: ProcessFleet, armFolder: string, receiver: AlertSink) {
    this.fleet = fleet;
    this.#receiver = receiver;
    this.#armFolder = armFolder;
    this.copies = new CopyRecords(fleet.folder);
    fleet.onAgentEnd = (node) => this.#readJournal(node);
  }

  /** A fleet of three nodes with one beating container. `armFolder` is made. */
  static async up(armFolder: string): Promise<FailpointRig> {
    mkdirSync(armFolder, { recursive: true });
    const receiver = await AlertSink.open();
    const hook = join(armFolder, "fence");
    writeFileSync(hook, FENCES_NOTHING, { mode: 0o700 });
    const fleet = await ProcessFleet.up({
      nodes: NODES,
      environment: {
        [FAILPOINT_VARIABLE]: `@${armFolder}`,
        LORMAS_ALERT_WEBHOOK_URL: receiver.url,
        LORMAS_FENCE_HOOK: hook,
      },
    });
    await offerBeatingEgg(fleet.databaseUrl);
    return new FailpointRig(fleet, armFolder, receiver);
  }

  async dispose(): Promise<void> {
    await this.fleet.dispose();
    this.#receiver.close();
  }

  /** Arms a point, "SITE:MOMENT", for the process that reaches it first. */
  arm(point: string): void {
    this.disarm();
    writeFileSync(join(this.#armFolder, FOLDER_FILES.armed), `${point}:kill`);
  }

  /** Arms nothing; what was armed is not struck any more. */
  disarm(): void {
    for (const name of Object.values(FOLDER_FILES)) rmSync(join(this.#armFolder, name), { force: true });
  }

  /** From here on every point that is reached is written down. */
  record(): void {
    this.disarm();
    writeFileSync(join(this.#armFolder, FOLDER_FILES.armed), RECORDING);
  }

  /** What was reached since record(). */
  reached(): ReadonlySet<string> {
    const path = join(this.#armFolder, FOLDER_FILES.reached);
    return new Set(existsSync(path) ? readFileSync(path, "utf8").split("\n").filter(Boolean) : []);
  }

  /** True once a process has died at the point that was armed. */
  get struck(): boolean {
    return existsSync(join(this.#armFolder, FOLDER_FILES.hit));
  }

  /** Every death of a process so far, as "name: how". */
  deaths(): string[] {
    return [...this.fleet.coordinators.values(), ...this.fleet.nodes.values()].flatMap(
      ({ process: { deaths, program } }) => deaths.map((how) => `${program.name}: ${how}`),
    );
  }

  /** What every process has logged last: a failure's own account. */
  lastLines(): string {
    const names = [...this.fleet.coordinators.keys(), ...this.fleet.nodes.keys()];
    return names
      .map((name) => `--- ${name}\n${this.fleet.log(name).split("\n").slice(-LAST_LINES).join("\n")}`)
      .join("\n");
  }

  /** The container of these runs, running. */
  async running(): Promise<Container> {
    this.#container ??= await this.make();
    return await this.fleet.container(this.#container, "RUNNING", MEND_MS);
  }

  /** Creates one more beating container and waits until it runs; its name. */
  async make(): Promise<string> {
    this.#made += 1;
    const name = `beats-${this.#made}`;
    await this.wish(`${name} is created`, () => this.create(name));
    await this.fleet.container(name, "RUNNING", MEND_MS);
    return name;
  }

  create(name: string, eggId: string = BEATING): Promise<unknown> {
    return this.fleet.api().containers.createContainer({
      name,
      eggId,
      type: ContainerType.HA,
      environment: { RECORD: this.copies.folder },
    });
  }

  /** Gives the container of these runs up: a run has failed and left it in whatever state. */
  async giveUp(): Promise<void> {
    const name = this.#container;
    this.#container = null;
    this.disarm();
    for (const { process: one } of this.fleet.nodes.values()) one.start();
    if (name !== null)
      await this.fleet
        .api()
        .containers.deleteContainer({ id: name })
        .catch(() => undefined);
    await this.fleet.healthy(NODES, MEND_MS).catch(() => undefined);
  }

  /** What a person wants, asked for again as long as nobody could be asked; a refusal for good counts as an answer. */
  async wish<T>(what: string, call: () => Promise<T>): Promise<T | undefined> {
    const again: readonly Code[] = [Code.Unavailable, Code.DeadlineExceeded, Code.Internal, Code.Unknown, Code.Aborted];
    return await until(what, MEND_MS, async () => {
      try {
        return { answer: await call() };
      } catch (error) {
        if (error instanceof ConnectError && !again.includes(error.code)) return { answer: undefined };
        throw error;
      }
    }).then(({ answer }) => answer);
  }

  /** How many copies of a container run. */
  runs(name: string): number {
    return copiesOf(this.fleet.processes(), name).length;
  }

  /** Kills what runs of a container, as if it had crashed. */
  crash(name: string): void {
    for (const { pid, environment } of copiesOf(this.fleet.processes(), name)) {
      process.kill(-pid, "SIGKILL");
      this.#crashed.set(name, [...(this.#crashed.get(name) ?? []), Number(environment.get("LORMAS_EPOCH"))]);
    }
  }

  /** Migrations of a container that were ever begun. */
  async migrations(id: string) {
    return (await this.fleet.api().containers.listMigrationHistory({ id })).migrations;
  }

  /** Everything that must be true of a container, and of the fleet, once the dust has settled. */
  async expectSound(name: string, wanted: "running" | "stopped" | "gone", fromEpoch = 0): Promise<void> {
    const { fleet } = this;
    await fleet.healthy(NODES, MEND_MS);
    let unsettled = "";
    await until(`${name} is ${wanted}, and everything about it has ended`, MEND_MS, async () => {
      unsettled = await this.#unsettled(name, wanted);
      return unsettled === "";
    }).catch((error: unknown) => {
      throw new Error(`${String(error)}: ${unsettled}`, { cause: error });
    });
    const [events] = await fleet.rows("select max(sequence) - min(sequence) + 1 - count(*) as missing from event");
    expect(Number(events?.["missing"])).toBe(0);
    const copies = this.copies.of(name).filter(({ epoch }) => epoch >= fromEpoch);
    expect(overlaps(copies), "copies that ran at one time").toEqual([]);
    const epochs = copies.map(({ epoch }) => epoch);
    // While no coordinator is there the agent itself starts a crashed copy again, in its epoch.
    for (const epoch of this.#crashed.get(name) ?? []) {
      const again = epochs.lastIndexOf(epoch);
      if (again > epochs.indexOf(epoch)) epochs.splice(again, 1);
    }
    expect(epochs, "each epoch was started once").toEqual([...new Set(epochs)]);
    for (const node of NODES) this.#readJournal(node);
    const shared = [...this.#started].filter(([, nodes]) => nodes.size > 1).map(([epoch]) => epoch);
    expect(shared, "epochs that more than one node was told to start").toEqual([]);
  }

  /** What is still under way, or is otherwise than it is said to be; empty when all agrees. */
  async #unsettled(name: string, wanted: "running" | "stopped" | "gone"): Promise<string> {
    const real = copiesOf(this.fleet.processes(), name).map(({ environment }) =>
      ["LORMAS_NODE", "LORMAS_EPOCH"].map((variable) => environment.get(variable)).join(" "),
    );
    const [row] = await this.fleet.rows("select count(*)::int as pending from outbox where state = 'pending'");
    if (row?.["pending"] !== 0) return `${row?.["pending"]} commands have no result`;
    const [waiting] = await this.fleet.rows("select count(*)::int as alerts from alert_delivery");
    if (waiting?.["alerts"] !== 0) return `${waiting?.["alerts"]} alerts wait for their receiver`;
    if (wanted !== "gone") {
      const { container } = await this.fleet.api().containers.getContainer({ id: name });
      const status = wanted === "running" ? ContainerStatus.RUNNING : ContainerStatus.STOPPED;
      if (container?.status !== status) return `its status is ${container?.status}: ${container?.statusReason}`;
      const open = (await this.migrations(name)).filter(({ outcome }) => !ENDED.includes(outcome));
      if (open.length > 0) return `migration ${open[0]?.id} has not ended`;
      const believed = wanted === "running" ? [`${container.nodeName} ${container.epoch}`] : [];
      if (believed.join() !== real.join()) return `believed to run: ${believed.join()}; runs: ${real.join()}`;
    } else if (real.length > 0) return `still runs: ${real.join()}`;
    return "";
  }

  /** Notes what a node's journal says of starts. An agent compacts it when it begins, so it is read at its end, too. */
  #readJournal(node: string): void {
    const path = join(this.fleet.node(node).dataDir, "journal.log");
    if (!existsSync(path)) return;
    for (const line of readFileSync(path, "utf8").split("\n")) {
      const json = line.slice(9);
      if (!json.startsWith("{") || !json.endsWith("}")) continue; // A line that was being written when the agent died.
      const record = JSON.parse(json) as { kind: string; containerId?: string; epoch?: string; spec?: unknown };
      if (record.kind !== "started" || record.spec === null) continue;
      const key = `${record.containerId} ${record.epoch}`;
      this.#started.set(key, (this.#started.get(key) ?? new Set()).add(node));
    }
  }
}
