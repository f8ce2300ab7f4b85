import { ControlHost } from "./hosts/control-host.ts";
import { LabHost } from "./hosts/lab-host.ts";
import type { LabMachine } from "./hosts/lab-machine.ts";

/** A fault as it is asked for on a command line. */
export type NamedFault = {
  readonly says: string;
  /** What an argument means; absent where there is none. */
  readonly argument?: { readonly name: string; readonly defaultValue: string };
  readonly make: (machine: LabMachine, argument: number) => Promise<void> | void;
};

const onNode =
  (make: (host: LabHost, argument: number) => Promise<void> | void): NamedFault["make"] =>
  (machine, argument) => {
    if (machine instanceof LabHost) return make(machine, argument);
    throw new Error(`${machine.name} has no agent: choose another host`);
  };
const onControl =
  (make: (host: ControlHost) => Promise<void> | void): NamedFault["make"] =>
  (machine) => {
    if (machine instanceof ControlHost) return make(machine);
    throw new Error(`${machine.name} has no coordinator: choose control`);
  };

/** Every fault by its name. */
export const NAMED_FAULTS: Readonly<Record<string, NamedFault>> = {
  "power-off": { says: "its power goes", make: (machine) => machine.powerOff() },
  cut: { says: "its cable is pulled", make: (machine) => machine.cut() },
  "cut-in": { says: "it hears nothing, its carrier stays", make: (machine) => machine.cutOneWay("in") },
  "cut-out": { says: "nobody hears it, its carrier stays", make: (machine) => machine.cutOneWay("out") },
  lossy: {
    says: "it loses packets, both ways",
    argument: { name: "share from 0 to 1", defaultValue: "0.2" },
    make: (machine, share) => machine.lossy(share),
  },
  slow: { says: "packets queue for seconds, both ways", make: (machine) => machine.slow() },
  freeze: { says: "everything on it stands still", make: (machine) => machine.freeze() },
  "fill-disk": { says: "no byte is free on its disk", make: (machine) => machine.fillDisk() },
  "dockerd-kill": { says: "SIGKILL for its Docker engine", make: onNode((host) => host.dockerd.kill()) },
  "dockerd-stop": { says: "SIGSTOP for its Docker engine", make: onNode((host) => host.dockerd.stop()) },
  "dockerd-restart": {
    says: "its Docker engine ends in order and starts again",
    make: onNode((host) => host.dockerd.restart()),
  },
  "agent-kill": { says: "SIGKILL for its agent", make: onNode((host) => host.agent.kill()) },
  "agent-stop": { says: "SIGSTOP for its agent", make: onNode((host) => host.agent.stop()) },
  "guard-kill": { says: "SIGKILL for its guard", make: onNode((host) => host.guard.kill()) },
  "guard-stop": { says: "SIGSTOP for its guard", make: onNode((host) => host.guard.stop()) },
  "clock-rate": {
    says: "the clock of its agent and guard runs wrong (a lab with --clocks)",
    argument: { name: "seconds a second", defaultValue: "1.04" },
    make: onNode((host, rate) => host.setClockRate(rate)),
  },
  "clock-step": {
    says: "the clock of its agent and guard jumps (a lab with --clocks)",
    argument: { name: "milliseconds", defaultValue: "3000" },
    make: onNode((host, byMs) => host.stepClock(byMs)),
  },
  "coordinator-kill": {
    says: "SIGKILL for the coordinator; its PostgreSQL ends with it",
    make: onControl((host) => host.coordinator.kill()),
  },
  "coordinator-stop": { says: "SIGSTOP for the coordinator", make: onControl((host) => host.coordinator.stop()) },
  "postgres-kill": { says: "SIGKILL for PostgreSQL", make: onControl((host) => host.postgres.kill()) },
  "postgres-stop": { says: "SIGSTOP for PostgreSQL", make: onControl((host) => host.postgres.stop()) },
};

/** Makes a fault by its name. Throws with what to write instead. */
export async function makeFault(machine: LabMachine, name: string, argument?: string): Promise<string> {
  const fault = Object.hasOwn(NAMED_FAULTS, name) ? NAMED_FAULTS[name] : undefined;
  if (!fault) throw new Error(`there is no fault ${name}: choose among ${Object.keys(NAMED_FAULTS).join(", ")}`);
  const value = Number(argument ?? fault.argument?.defaultValue ?? 0);
  if (argument !== undefined && !fault.argument) throw new Error(`${name} takes no argument`);
  if (!Number.isFinite(value)) throw new Error(`${argument} is no number: give ${fault.argument?.name}`);
  await fault.make(machine, value);
  return fault.says;
}
