import type { Duplex } from "node:stream";
import type Docker from "dockerode";
import type { Timers } from "../../clock/clock.ts";
import { InputFault, RuntimeFault } from "../container-runtime.ts";

/**
 * How long the engine may take to open an input, and then to have it written; a process that reads nothing holds it up once its
 * pipe is full.
 */
export const INPUT_MS = 3_000;

/**
 * Writes to a container's standard input over a connection of its own: the engine ends that connection once everything is written,
 * and the input itself stays open. Settles within 2 × INPUT_MS.
 */
export async function writeDockerInput(container: Docker.Container, data: Uint8Array, timers: Timers): Promise<void> {
  const stream = await attachTo(container, { stdin: true }, timers);
  await new Promise<void>((resolve, reject) => {
    const cancel = timers.after(INPUT_MS, () => {
      reject(
        new InputFault("input_full", `its process has not taken it within ${INPUT_MS} ms: it does not read its input`),
      );
      stream.destroy();
    });
    const settle = (then: () => void) => () => {
      cancel();
      then();
    };
    stream.once("error", (error: Error) => settle(() => reject(error))());
    stream.once("close", settle(resolve));
    stream.resume();
    stream.end(data);
  });
}

/**
 * The engine ends a connection to a terminal upon these keys, and keeps the first of them back until it has seen the next: its own,
 * Ctrl-P and Ctrl-Q, would take every Ctrl-P from a shell. They cannot be none, so they are bytes that are never written.
 */
const DETACH_KEYS = "ctrl-@,ctrl-@";

/** A connection to some of a container's streams. One that comes after its time is closed unused. */
export function attachTo(
  container: Docker.Container,
  streams: { readonly stdin?: true; readonly stdout?: true; readonly stderr?: true },
  timers: Timers,
): Promise<Duplex> {
  return new Promise<Duplex>((resolve, reject) => {
    let late = false;
    const cancel = timers.after(INPUT_MS, () => {
      late = true;
      reject(
        new RuntimeFault(
          "runtime_error",
          `the engine did not attach to it within ${INPUT_MS} ms; look whether dockerd runs and answers docker ps`,
        ),
      );
    });
    container.attach({ stream: true, hijack: true, detachKeys: DETACH_KEYS, ...streams }).then(
      (stream) => {
        cancel();
        // Taken over, it is the connection itself; dockerode gives it under a narrower type.
        const connection = stream as unknown as Duplex;
        if (!late) return resolve(connection);
        connection.once("error", () => undefined);
        connection.destroy();
      },
      (error: unknown) => {
        cancel();
        reject(error instanceof Error ? error : new Error(String(error)));
      },
    );
  });
}
