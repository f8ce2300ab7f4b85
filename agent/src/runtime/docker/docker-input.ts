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
  const stream = await attached(container, timers);
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

/** The connection to a container's input. One that comes after its time is closed unused. */
function attached(container: Docker.Container, timers: Timers): Promise<Duplex> {
  return new Promise<Duplex>((resolve, reject) => {
    let late = false;
    const cancel = timers.after(INPUT_MS, () => {
      late = true;
      reject(
        new RuntimeFault(
          "runtime_error",
          `the engine did not open its input within ${INPUT_MS} ms; look whether dockerd runs and answers docker ps`,
        ),
      );
    });
    container.attach({ stream: true, stdin: true, hijack: true }).then(
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
