import type { HostClock } from "../clock/host-clock.ts";
import type { HostNetwork } from "../network/host-network.ts";
import type { AgentService } from "../services/agent-service.ts";
import type { DockerdService } from "../services/dockerd-service.ts";
import { HostService } from "../services/host-service.ts";
import type { HostDisk } from "./host-disk.ts";
import type { HostPower } from "./host-power.ts";
import { LabMachine } from "./lab-machine.ts";

export type LabHostParts = {
  readonly power: HostPower;
  readonly disk: HostDisk;
  readonly network: HostNetwork;
  readonly dockerd: DockerdService;
  readonly agent: AgentService;
  /** Null: agent and guard see the machine's own clock. */
  readonly clock: HostClock | null;
};

/** A host with a Docker engine, an agent and a guard of its own. */
export class LabHost extends LabMachine {
  readonly dockerd: DockerdService;
  readonly agent: AgentService;
  readonly guard: HostService;
  readonly #clock: HostClock | null;

  constructor({ power, disk, network, dockerd, agent, clock }: LabHostParts) {
    super(power, disk, network);
    this.dockerd = dockerd;
    this.agent = agent;
    this.guard = new HostService(power, "guard");
    this.#clock = clock;
  }

  /** SIGKILL for both, so that neither can bring the other back. */
  async killAgentAndGuard(): Promise<void> {
    // Held first: one of them would be quick enough between two signals.
    this.agent.stop();
    this.guard.stop();
    await Promise.all([this.agent.kill(), this.guard.kill()]);
  }

  /** From now on the boot clock of agent and guard shows this many seconds a second. */
  setClockRate(rate: number): void {
    this.#driven().setRate(rate);
  }

  /** The boot clock of agent and guard jumps. */
  stepClock(byMs: number): void {
    this.#driven().step(byMs);
  }

  override async heal(): Promise<void> {
    // It keeps what it is ahead: a boot clock does not go back.
    this.#clock?.setRate(1);
    await super.heal();
  }

  protected override async startServices(): Promise<void> {
    await this.dockerd.start();
    // One that lives brings the other back.
    if (this.agent.isEnrolled && !this.guard.runs) this.agent.start();
  }

  protected override continueServices(): void {
    for (const service of [this.dockerd, this.guard, this.agent]) service.continue();
  }

  #driven(): HostClock {
    if (this.#clock) return this.#clock;
    throw new Error("this lab's clocks are the machine's: bring it up with --clocks");
  }
}
