import { execFile, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const repository = fileURLToPath(new URL("..", import.meta.url));
const folder = `${repository}examples/agents/python`;
/** Debian's: another one on the PATH knows nothing of Debian's packages. */
const PYTHON = "/usr/bin/python3";
const BUILD_MS = 60_000;

/** What this machine lacks for the example agent in Python, as an instruction; null when all is there. For tests. */
export function pythonNeeds(): string | null {
  const has = (program: string, ...args: string[]): boolean => spawnSync(program, args).status === 0;
  const there = has("protoc", "--version") && has("which", "grpc_python_plugin") && has("openssl", "version");
  if (there && has(PYTHON, "-c", "import grpc, google.protobuf")) return null;
  return "apt-get install openssl protobuf-compiler protobuf-compiler-grpc python3-grpcio python3-protobuf";
}

/** Makes the example's generated code in a folder. */
export async function makeStubs(stubs: string): Promise<void> {
  await promisify(execFile)("sh", [`${folder}/generate.sh`, stubs], { timeout: BUILD_MS });
}

/** The command line of the example agent, or of one that breaks a promise (broken/broken_agent.py names them). */
export function pythonAgent(stubs: string, broken?: string): string {
  const settings = `PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=${stubs}:${folder}`;
  if (broken === undefined) return `env ${settings} ${PYTHON} ${folder}/agent.py`;
  return `env ${settings} BROKEN=${broken} ${PYTHON} ${repository}conformance/broken/broken_agent.py`;
}

/** The command line of this repository's own agent. */
export const OWN_AGENT = `${process.execPath} ${repository}agent/src/main.ts --guard-restarts-agent no`;

export type SuiteOutcome = {
  readonly code: number | null;
  readonly output: string;
  readonly failed: readonly string[];
};

/** Runs the suite as a program; answers the names of the checks that failed. */
export async function conformance(agent: string, profile: "core" | "ha", ...more: string[]): Promise<SuiteOutcome> {
  const args = [`${repository}conformance/src/main.ts`, "--agent", agent, "--profile", profile, ...more];
  const run = promisify(execFile)(process.execPath, args, { cwd: repository });
  const { code, stdout, stderr } = await run.then(
    (ended) => ({ code: 0, ...ended }),
    (error: { code: number | null; stdout: string; stderr: string }) => error,
  );
  const failed = [...stdout.matchAll(/^FAILED (\S+)/gm)].map(([, name = ""]) => name);
  return { code, output: `${stdout}${stderr}`, failed };
}
