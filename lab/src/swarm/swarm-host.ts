import type { HostDisk } from "../hosts/host-disk.ts";
import type { HostPower } from "../hosts/host-power.ts";
import { LabMachine } from "../hosts/lab-machine.ts";
import type { HostNetwork } from "../network/host-network.ts";
import { DockerdService } from "../services/dockerd-service.ts";

/** Otherwise an engine asks a registry for every image that a task names, and there is none. */
const ENVIRONMENT = { DOCKER_SERVICE_PREFER_OFFLINE_IMAGE: "1" };

/** A host of a swarm: a Docker engine, and nothing of the product. */
export class SwarmHost extends LabMachine {
  readonly dockerd: DockerdService;

  constructor(power: HostPower, disk: HostDisk, network: HostNetwork) {
    super(power, disk, network);
    this.dockerd = new DockerdService(power, disk.path, ENVIRONMENT);
  }

  protected override async startServices(): Promise<void> {
    await this.dockerd.start();
  }

  protected override continueServices(): void {
    this.dockerd.continue();
  }
}
