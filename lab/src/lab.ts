import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { busyboxTar } from "@lormas/agent/runtime/docker/busybox-image.ts";
import { NodeStatus } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import type { LEASE_PROFILES } from "@lormas/lease/lease-policy.ts";
import { type ApiClient, createApiClient } from "../../cli/src/client/api-client.ts";
import { HostClock } from "./clock/host-clock.ts";
import { bounded } from "./command/bounded-command.ts";
import { startDetached } from "./command/detached-command.ts";
import { ControlHost } from "./hosts/control-host.ts";
import { HostCgroups } from "./hosts/host-cgroups.ts";
import { LabHost } from "./hosts/lab-host.ts";
import type { LabMachine } from "./hosts/lab-machine.ts";
import { HostNetwork } from "./network/host-network.ts";
import { repository } from "./repository.ts";
import { AgentService } from "./services/agent-service.ts";
import { CoordinatorService } from "./services/coordinator-service.ts";
import { DockerdService } from "./services/dockerd-service.ts";
import type { HostService } from "./services/host-service.ts";
import { LabPlaces } from "./state/lab-places.ts";
import { CONTROL_HOST, type LabRecord, labCgroup, newRecord, writeLabRecord } from "./state/lab-record.ts";
import { removeLab } from "./state/lab-removal.ts";
import { until } from "./until.ts";
import { Witness } from "./witness/witness.ts";
import { WITNESS_IMAGE } from "./witness/witness-egg.ts";

export type LabOptions = {
  /** How many hosts run containers. */
  readonly hosts: number;
  readonly kind: LabRecord["kind"];
  readonly profile?: keyof typeof LEASE_PROFILES;
  /** True for clocks that can be driven. */
  readonly clocks?: boolean;
  /** Told of each step that is done. */
  readonly told?: (step: string) => void;
};

const NODE_DISK_MB = 256;
const CONTROL_DISK_MB = 1_024;
const HEALTHY_MS = 180_000;
const CLUSTER = "local";

/**
 * Several hosts on one machine, each with a Docker engine, an agent and a guard of its own, and one more with the
 * coordinator and its database. Nothing of a lab hangs on the process that made it: `open` finds it again by its record.
 */
export class Lab {
  readonly record: LabRecord;
  readonly nodes: readonly LabHost[];
  readonly control: ControlHost;
  readonly witness: Witness;
  readonly #network: HostNetwork;
  readonly #places: LabPlaces;

  private constructor(record: LabRecord, network: HostNetwork) {
    this.record = record;
    this.#network = network;
    this.#places = new LabPlaces(record.id, network);
    const control = this.#places.power(CONTROL_HOST);
    const disk = this.#places.disk(CONTROL_HOST);
    const coordinator = new CoordinatorService(control, disk.path, {
      LORMAS_PROFILE: record.profile,
      LORMAS_CLUSTER: CLUSTER,
      LORMAS_ADMIN_PASSWORD: record.adminPassword,
    });
    this.control = new ControlHost(control, disk, network, coordinator);
    this.nodes = record.nodes.map((name) => this.#node(name));
    this.witness = new Witness(this.sharedDir);
  }

  /** A lab whose nodes are all healthy. What was made is taken away again when it does not come up. */
  static async up(options: LabOptions): Promise<Lab> {
    const { hosts, kind, profile = "default", clocks = false, told = () => undefined } = options;
    const nodes = Array.from({ length: hosts }, (_, index) => `host-${index + 1}`);
    const record: LabRecord = {
      ...newRecord(kind, [...nodes, CONTROL_HOST]),
      ...{ runs: "lormas", nodes, profile, clocks },
      adminPassword: randomBytes(9).toString("base64url"),
    };
    writeLabRecord(record);
    try {
      const lab = new Lab(record, HostNetwork.make(record.network));
      await lab.#make(told);
      return lab;
    } catch (error) {
      await removeLab(record);
      throw error;
    }
  }

  /** A lab that was brought up before, by whatever process. */
  static open(record: LabRecord): Lab {
    return new Lab(record, HostNetwork.open(record.network));
  }

  async down(): Promise<void> {
    await removeLab(this.record);
  }

  get machines(): readonly LabMachine[] {
    return [...this.nodes, this.control];
  }

  get coordinator(): CoordinatorService {
    return this.control.coordinator;
  }

  get postgres(): HostService {
    return this.control.postgres;
  }

  /** The folder that every host has in common, past the network. */
  get sharedDir(): string {
    return this.#places.sharedDir;
  }

  /** A host with an agent. */
  host(name: string): LabHost {
    const found = this.nodes.find((host) => host.name === name);
    if (!found) throw new Error(`there is no host ${name} with an agent: choose among ${this.record.nodes.join(", ")}`);
    return found;
  }

  /** Any host, that of the control plane as well. */
  machine(name: string): LabMachine {
    return name === CONTROL_HOST ? this.control : this.host(name);
  }

  api(): ApiClient {
    return createApiClient({ url: this.coordinator.httpUrl, token: this.coordinator.token });
  }

  /** Undoes every fault, and waits until every node is healthy. */
  async heal(): Promise<void> {
    await this.control.heal();
    await Promise.all(this.nodes.map((host) => host.heal()));
    await this.healthy();
  }

  async healthy(names: readonly string[] = this.record.nodes): Promise<void> {
    await until(`${names.join(", ")} are healthy; logs are below ${this.#places.folder}`, HEALTHY_MS, async () => {
      const { nodes } = await this.api().nodes.listNodes({});
      const healthy = nodes.filter(({ status }) => status === NodeStatus.HEALTHY).map(({ name }) => name);
      return names.every((name) => healthy.includes(name));
    });
  }

  async #make(told: (step: string) => void): Promise<void> {
    told("network");
    this.#places.makeMemory();
    for (const { disk } of this.nodes) disk.make(NODE_DISK_MB);
    this.control.disk.make(CONTROL_DISK_MB);
    if (this.record.clocks) this.#startClocks();
    const tar = busyboxTar(this.#places.folder);
    await Promise.all([
      this.control.powerOn().then(() => told("coordinator")),
      ...this.nodes.map(async (host) => {
        await host.powerOn();
        host.dockerd.importImage(tar, WITNESS_IMAGE);
        told(`dockerd on ${host.name}`);
      }),
    ]);
    await this.#offerWitness();
    for (const { agent } of this.nodes) {
      agent.start((await this.api().nodes.createJoinToken({ cluster: CLUSTER })).token);
    }
    await this.healthy();
    told("all nodes healthy");
  }

  async #offerWitness(): Promise<void> {
    const program = join(repository, "lab/src/witness/offer-witness-egg.ts");
    const environment = `DATABASE_URL=${this.coordinator.databaseUrl}`;
    const [command, args] = this.control.power.command(["env", environment, process.execPath, program]);
    bounded(command, ...args);
  }

  #startClocks(): void {
    for (const name of this.record.nodes) this.#clock(name).make();
    const folders = this.record.nodes.map((name) => this.#clockFolder(name));
    startDetached({
      words: [process.execPath, join(repository, "lab/src/clock/drive-clocks-main.ts"), ...folders],
      logPath: join(this.#places.folder, "clocks.log"),
      cgroups: HostCgroups.at(`${labCgroup(this.record.id)}/clocks`).own(),
    });
  }

  #node(name: string): LabHost {
    const power = this.#places.power(name);
    const disk = this.#places.disk(name);
    const clock = this.record.clocks ? this.#clock(name) : null;
    const agent = new AgentService(power, {
      diskPath: disk.path,
      sharedDir: this.sharedDir,
      coordinator: this.control.coordinator.agentAddress,
      clockFile: clock?.file ?? null,
    });
    const dockerd = new DockerdService(power, disk.path);
    return new LabHost({ power, disk, network: this.#network, dockerd, agent, clock });
  }

  #clock(name: string): HostClock {
    return new HostClock(this.#clockFolder(name), Witness.nowMs);
  }

  #clockFolder(name: string): string {
    return join(this.#places.memory, "clocks", name);
  }
}
