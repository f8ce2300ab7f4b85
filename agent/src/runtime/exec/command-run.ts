import { spawn } from "node:child_process";
import type { Timers } from "../../clock/clock.ts";
import { signalProcess } from "../../process/process-killer.ts";
import { RuntimeFault } from "../container-runtime.ts";

/** Runs a command line through /bin/sh without output and answers its exit code; a signal counts as 128. */
export function runCommandLine(
  commandLine: string,
  options: {
    readonly cwd: string;
    readonly env: Record<string, string>;
    readonly timeoutMs: number;
    readonly timers: Timers;
  },
): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn("/bin/sh", ["-c", commandLine], {
      cwd: options.cwd,
      env: options.env,
      stdio: "ignore",
      detached: true,
    });
    const cancel = options.timers.after(options.timeoutMs, () => {
      if (child.pid !== undefined) signalProcess(-child.pid, "SIGKILL");
      reject(new RuntimeFault("runtime_error", `"${commandLine}" took longer than ${options.timeoutMs} ms`));
    });
    child.once("error", (error) => {
      cancel();
      reject(new RuntimeFault("runtime_error", `"${commandLine}": ${error.message}`));
    });
    child.once("exit", (code) => {
      cancel();
      resolve(code ?? 128);
    });
  });
}
