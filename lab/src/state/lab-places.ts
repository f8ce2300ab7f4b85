import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { bounded } from "../command/bounded-command.ts";
import { HostDisk } from "../hosts/host-disk.ts";
import { HostPower } from "../hosts/host-power.ts";
import type { HostNetwork } from "../network/host-network.ts";
import { labCgroup, labFolder } from "./lab-record.ts";

const MEMORY_MB = 512;

/** Where the parts of one lab are on this machine; removeLab finds them all by its id. */
export class LabPlaces {
  readonly #id: string;
  readonly #network: HostNetwork;

  constructor(id: string, network: HostNetwork) {
    this.#id = id;
    this.#network = network;
  }

  get folder(): string {
    return labFolder(this.#id);
  }

  /** A tmpfs that no host's fault reaches. */
  get memory(): string {
    return join(this.folder, "memory");
  }

  /** The folder that every host has in common, past the network. */
  get sharedDir(): string {
    return join(this.memory, "shared");
  }

  /** Mounts what all hosts have in common; must be there before the first of them boots. */
  makeMemory(): void {
    mkdirSync(this.memory, { recursive: true });
    bounded("mount", "-t", "tmpfs", "-o", `mode=755,size=${MEMORY_MB}m`, "tmpfs", this.memory);
    mkdirSync(this.sharedDir);
  }

  power(name: string): HostPower {
    const folder = join(this.folder, "hosts", name);
    mkdirSync(folder, { recursive: true });
    return new HostPower(this.#network.host(name), this.#network, `${labCgroup(this.#id)}/${name}`, folder);
  }

  disk(name: string): HostDisk {
    return new HostDisk(join(this.folder, "disks", name));
  }
}
