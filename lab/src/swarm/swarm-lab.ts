import { busyboxTar } from "@lormas/agent/runtime/docker/busybox-image.ts";
import { HostNetwork } from "../network/host-network.ts";
import { LabPlaces } from "../state/lab-places.ts";
import { newRecord, type SwarmRecord, writeLabRecord } from "../state/lab-record.ts";
import { removeLab } from "../state/lab-removal.ts";
import { until } from "../until.ts";
import { Witness } from "../witness/witness.ts";
import { WITNESS_IMAGE } from "../witness/witness-egg.ts";
import { SwarmHost } from "./swarm-host.ts";
import { creationWords, type SwarmService } from "./swarm-service.ts";

export type SwarmLabOptions = {
  readonly managers: number;
  readonly workers: number;
};

const DISK_MB = 256;
const READY_MS = 120_000;

/**
 * A Docker Swarm on hosts like those of a `Lab`: the same network, engines, image and witness, and nothing of the product. Its
 * managers run no containers. Made by tests and benches alone, which take it away.
 */
export class SwarmLab {
  readonly record: SwarmRecord;
  readonly managers: readonly SwarmHost[];
  readonly workers: readonly SwarmHost[];
  readonly witness: Witness;
  readonly #places: LabPlaces;

  private constructor(record: SwarmRecord, network: HostNetwork) {
    this.record = record;
    this.#places = new LabPlaces(record.id, network);
    const host = (name: string): SwarmHost => new SwarmHost(this.#places.power(name), this.#places.disk(name), network);
    this.managers = record.managers.map(host);
    this.workers = record.workers.map(host);
    this.witness = new Witness(this.#places.sharedDir);
  }

  /** A swarm whose nodes are all ready. What was made is taken away again when it does not come up. */
  static async up({ managers, workers }: SwarmLabOptions): Promise<SwarmLab> {
    const names = {
      managers: Array.from({ length: managers }, (_, index) => `manager-${index + 1}`),
      workers: Array.from({ length: workers }, (_, index) => `worker-${index + 1}`),
    };
    const record: SwarmRecord = {
      ...newRecord("test", [...names.managers, ...names.workers]),
      ...{ runs: "swarm", ...names },
    };
    writeLabRecord(record);
    try {
      const lab = new SwarmLab(record, HostNetwork.make(record.network));
      await lab.#make();
      return lab;
    } catch (error) {
      await removeLab(record);
      throw error;
    }
  }

  async down(): Promise<void> {
    await removeLab(this.record);
  }

  get hosts(): readonly SwarmHost[] {
    return [...this.managers, ...this.workers];
  }

  /** Runs Docker's command on the first manager, which no fault of a worker reaches. */
  docker(...words: readonly string[]): string {
    return this.#first.dockerd.docker(...words);
  }

  create(service: SwarmService): void {
    this.docker(...creationWords(service, this.#places.sharedDir));
  }

  /** Removes a service, and waits until no worker that is on holds a container of it. */
  async remove(name: string): Promise<void> {
    this.docker("service", "rm", name);
    await until(`every copy of the service ${name} is gone`, READY_MS, () =>
      this.workers.every((host) => !host.isOn || this.#held(host, name) === ""),
    );
  }

  /** Undoes every fault, gives every worker its work back, and waits until all nodes are ready. */
  async heal(): Promise<void> {
    await Promise.all(this.hosts.map((host) => host.heal()));
    for (const { name } of this.workers) this.docker("node", "update", "--availability", "active", name);
    await until(`every node of the swarm is ready; logs are below ${this.#places.folder}`, READY_MS, () => {
      const ready = this.docker("node", "ls", "--format", "{{.Hostname}} {{.Status}}").split("\n");
      return this.hosts.every(({ name }) => ready.includes(`${name} Ready`));
    });
  }

  async #make(): Promise<void> {
    this.#places.makeMemory();
    for (const { disk } of this.hosts) disk.make(DISK_MB);
    const tar = busyboxTar(this.#places.folder);
    await Promise.all(
      this.hosts.map(async (host) => {
        await host.powerOn();
        host.dockerd.importImage(tar, WITNESS_IMAGE);
      }),
    );
    this.#first.dockerd.docker("swarm", "init", "--advertise-addr", this.#first.address);
    for (const host of this.managers.slice(1)) this.#join(host, "manager");
    for (const host of this.workers) this.#join(host, "worker");
    for (const { name } of this.managers) this.docker("node", "update", "--availability", "drain", name);
    await this.heal();
  }

  #join(host: SwarmHost, role: "manager" | "worker"): void {
    const token = this.docker("swarm", "join-token", "-q", role).trim();
    const words = ["--token", token, "--advertise-addr", host.address, `${this.#first.address}:2377`];
    host.dockerd.docker("swarm", "join", ...words);
  }

  #held(host: SwarmHost, service: string): string {
    return host.dockerd.docker("ps", "-aq", "--filter", `label=com.docker.swarm.service.name=${service}`).trim();
  }

  get #first(): SwarmHost {
    const [first] = this.managers;
    if (!first) throw new Error("a swarm needs a manager: ask for at least one");
    return first;
  }
}
