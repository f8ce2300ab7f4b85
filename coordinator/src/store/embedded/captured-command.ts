import { execFile } from "node:child_process";

export type CommandOutcome = { readonly ok: boolean; readonly output: string };

const OUTPUT_BYTES_MAX = 1 << 20;

/**
 * Runs a program to its end and keeps what it wrote, both streams in one text. Never rejects: a program that is
 * missing, fails, writes more than 1 MiB or outlives the bound (SIGKILL) is not ok.
 */
export function capturedCommand(
  argv: readonly string[],
  boundMs: number,
  identity: { readonly uid?: number; readonly gid?: number } = {},
): Promise<CommandOutcome> {
  const [program = "", ...rest] = argv;
  return new Promise((resolve) => {
    const options = {
      cwd: "/",
      timeout: boundMs,
      killSignal: "SIGKILL" as const,
      maxBuffer: OUTPUT_BYTES_MAX,
      ...identity,
      env: { ...process.env, LC_ALL: "C", TZ: "UTC" },
    };
    const child = execFile(program, rest, options, (error, stdout, stderr) => {
      const output = `${stdout}${stderr}`;
      resolve({ ok: error === null, output: error !== null && output.trim() === "" ? error.message : output });
    });
    child.stdin?.on("error", () => {});
    child.stdin?.end();
  });
}
