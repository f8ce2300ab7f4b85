import { closeSync, constants, openSync, unlinkSync, writeSync } from "node:fs";

/** Where a started process waits before its first instruction, and for whom it is opened. */
export type StartGate = {
  /** A named pipe that the process reads; it exists until it was let in. */
  readonly path: string;
  readonly containerId: string;
  readonly epoch: string;
  readonly session: string;
};

/** What the waiting process must read, to the letter, before it goes on. */
export function gateWord({ containerId, epoch, session }: Omit<StartGate, "path">): string {
  return `${containerId} ${epoch} ${session}`;
}

/** Lets the process that waits at a gate go on, once. Throws when nobody waits there, or when the gate is not there any more. */
export function openGate(gate: StartGate): void {
  // Without a reader the kernel refuses to open it (ENXIO): a word for nobody must not wait for somebody.
  const fd = openSync(gate.path, constants.O_WRONLY | constants.O_NONBLOCK);
  try {
    writeSync(fd, `${gateWord(gate)}\n`);
  } finally {
    closeSync(fd);
  }
  unlinkSync(gate.path);
}
