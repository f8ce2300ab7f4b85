import { closeSync, constants, openSync, writeSync } from "node:fs";
import { InputFault } from "../container-runtime.ts";
import { inputPath } from "./exec-launch.ts";

/** What the kernel writes to a pipe as a whole or not at all (PIPE_BUF of Linux). */
export const INPUT_BYTES_MAX = 4_096;

/** Writes to the input of the process of a container's folder, whoever started it; all of it or, with InputFault, nothing. */
export function writeInput(folder: string, data: Uint8Array): void {
  if (data.length > INPUT_BYTES_MAX) {
    throw new InputFault("refused", `at most ${INPUT_BYTES_MAX} bytes are written at once: send less`);
  }
  let pipe: number;
  try {
    // Without a reader the kernel refuses to open it.
    pipe = openSync(inputPath(folder), constants.O_WRONLY | constants.O_NONBLOCK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENXIO") throw new InputFault("no_input", "its process has closed its input: it takes none any more");
    if (code === "ENOENT") {
      throw new InputFault("no_input", "this copy was started by an older agent, without an input");
    }
    throw error;
  }
  try {
    writeSync(pipe, data);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EPIPE") throw new InputFault("no_input", "its process has closed its input: it takes none any more");
    if (code !== "EAGAIN") throw error;
    throw new InputFault("input_full", "its process does not read its input, and no more fits");
  } finally {
    closeSync(pipe);
  }
}
