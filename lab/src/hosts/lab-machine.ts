import { spawn } from "node:child_process";
import type { HostNetwork, NetworkHost } from "../network/host-network.ts";
import type { HostDisk } from "./host-disk.ts";
import type { HostPower } from "./host-power.ts";

/** One host of a lab, and what can happen to any host. */
export abstract class LabMachine {
  readonly power: HostPower;
  readonly disk: HostDisk;
  readonly #switch: HostNetwork;

  constructor(power: HostPower, disk: HostDisk, network: HostNetwork) {
    this.power = power;
    this.disk = disk;
    this.#switch = network;
  }

  get name(): string {
    return this.power.network.name;
  }

  get address(): string {
    return this.power.network.address;
  }

  get isOn(): boolean {
    return this.power.isOn;
  }

  /** Its power goes, without a word to anybody. What is on its disk stays. */
  async powerOff(): Promise<void> {
    await this.power.off();
  }

  /** Boots it, and starts what it starts at boot. */
  async powerOn(): Promise<void> {
    await this.power.on();
    await this.startServices();
  }

  /** Pulls its cable. */
  cut(): void {
    this.#switch.cut(this.#host);
  }

  /** "in": it hears nothing; "out": nobody hears it. Its carrier stays. */
  cutOneWay(direction: "in" | "out"): void {
    this.#switch.faults(this.#host).cutOneWay(direction);
  }

  /** Loses this share (0 to 1) of the packets, each way by itself. */
  lossy(share: number): void {
    this.#switch.faults(this.#host).lossy(share);
  }

  /** A line on which packets queue for seconds. */
  slow(): void {
    this.#switch.faults(this.#host).slow();
  }

  /** Everything on it stands still, containers included, and knows nothing of it. */
  async freeze(): Promise<void> {
    await this.power.cgroups.freeze();
  }

  thaw(): void {
    this.power.cgroups.thaw();
  }

  /** Leaves no byte free on its disk. */
  fillDisk(): void {
    this.disk.fill();
  }

  /** Undoes every fault of its network, its power, its disk and its processes, and waits until its services are there. */
  async heal(): Promise<void> {
    this.#switch.heal(this.#host);
    this.#switch.faults(this.#host).heal();
    this.disk.empty();
    this.thaw();
    if (this.isOn) this.continueServices();
    await this.powerOn();
  }

  /** Runs a command on it with this terminal; resolves with its exit code. */
  run(words: readonly string[]): Promise<number> {
    const [program, args] = this.power.command(words);
    const child = spawn(program, args, { stdio: "inherit" });
    return new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("exit", (code) => resolve(code ?? 1));
    });
  }

  /** Starts whatever of its services does not run. */
  protected abstract startServices(): Promise<void>;
  /** SIGCONT for its services. */
  protected abstract continueServices(): void;

  get #host(): NetworkHost {
    return this.power.network;
  }
}
