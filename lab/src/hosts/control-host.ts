import type { HostNetwork } from "../network/host-network.ts";
import type { CoordinatorService } from "../services/coordinator-service.ts";
import { HostService } from "../services/host-service.ts";
import type { HostDisk } from "./host-disk.ts";
import type { HostPower } from "./host-power.ts";
import { LabMachine } from "./lab-machine.ts";

/** The host of the coordinator and its PostgreSQL. */
export class ControlHost extends LabMachine {
  readonly coordinator: CoordinatorService;
  readonly postgres: HostService;

  constructor(power: HostPower, disk: HostDisk, network: HostNetwork, coordinator: CoordinatorService) {
    super(power, disk, network);
    this.coordinator = coordinator;
    this.postgres = new HostService(power, "postgres");
  }

  protected override async startServices(): Promise<void> {
    await this.coordinator.start();
  }

  protected override continueServices(): void {
    for (const service of [this.postgres, this.coordinator]) service.continue();
  }
}
