import { execFile, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Fleet } from "./fleet/fleet.ts";

const examples = fileURLToPath(new URL("../examples/clients", import.meta.url));
/** Debian's: another one on the PATH knows nothing of Debian's packages. */
const PYTHON = "/usr/bin/python3";
/** Go compiles its own library once. */
const BUILD_MS = 180_000;
const RUN_MS = 60_000;
const required = process.env["LORMAS_TEST_REQUIRE"] === "1";
const run = promisify(execFile);

const has = (program: string, ...args: string[]): boolean => spawnSync(program, args).status === 0;

/** What is missing for a language, as an instruction; null when all is there. */
function missing(language: "python" | "go"): string | null {
  if (language === "python") {
    if (has("protoc", "--version") && has("which", "grpc_python_plugin") && has(PYTHON, "-c", "import grpc"))
      return null;
    return "apt-get install protobuf-compiler protobuf-compiler-grpc python3-grpcio python3-protobuf";
  }
  const there = ["protoc-gen-go", "protoc-gen-go-grpc", "go"].every((program) => has("which", program));
  if (there && has("protoc", "--version") && existsSync("/usr/share/gocode/src/google.golang.org/grpc")) return null;
  return "apt-get install golang-go golang-google-grpc-dev golang-google-protobuf-dev protobuf-compiler protoc-gen-go-1-5 protoc-gen-go-grpc";
}

describe("a client in another language", () => {
  const folder = mkdtempSync(join(tmpdir(), "lormas-clients-"));
  const languages = [
    {
      language: "python" as const,
      make: [`${examples}/python/generate.sh`, `${folder}/python`],
      call: [PYTHON, `${examples}/python/move_container.py`],
    },
    {
      language: "go" as const,
      make: [`${examples}/go/build.sh`, `${folder}/go`],
      call: [`${folder}/go/move-container`],
    },
  ].map((one) => ({ ...one, needs: missing(one.language) }));
  let fleet: Fleet;
  let environment: NodeJS.ProcessEnv;

  async function build(make: readonly string[], needs: string | null): Promise<void> {
    if (needs !== null && required) throw new Error(needs);
    if (needs !== null) return;
    await run("sh", make, { env: { PATH: process.env["PATH"], HOME: folder }, timeout: BUILD_MS });
  }

  beforeAll(async () => {
    // Compilers and fleet need not wait for each other.
    const builds = languages.map(({ make, needs }) => build(make, needs));
    [fleet] = await Promise.all([Fleet.up({ environment: { LORMAS_PROFILE: "fast" } }), ...builds]);
    const token = (
      await fleet.cli("token", "create", "example", "--role", "operator", "--lifetime", "1d")
    ).stdout.trim();
    environment = { PATH: process.env["PATH"], HOME: folder, LORMAS_URL: fleet.httpUrl, LORMAS_TOKEN: token };
  }, BUILD_MS);
  afterAll(async () => {
    await fleet?.dispose();
    rmSync(folder, { recursive: true, force: true });
  });

  describe.each(languages)("in $language", ({ language, needs, call }) => {
    const [program = "", ...first] = call;
    const start = (args: readonly string[], env: NodeJS.ProcessEnv) =>
      run(program, [...first, ...args], { env: { ...env, PYTHONPATH: `${folder}/python` }, timeout: RUN_MS }).then(
        ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
        ({ code, stdout, stderr }) => ({ code, stdout, stderr }),
      );

    beforeEach((context) => {
      if (needs !== null && !required) context.skip(needs);
    });

    test("signs in, creates an HA container, follows its migration to the end and prints its history", async () => {
      const name = `from-${language}`;
      const { code, stdout, stderr } = await start([name], environment);
      expect([code, stderr], stdout).toEqual([0, ""]);
      expect(stdout).toMatch(/^signed in as example \(operator\)\n/);
      expect(stdout).toMatch(new RegExp(`^${name} runs on node-\\d, at most \\d+\\.\\d s without service$`, "m"));
      expect(stdout).toMatch(/^ {2}preparing\n[\s\S]*^ {2}completed$/m);
      const [, source, target] = /^(node-\d) -> (node-\d): completed, \d+ ms without service$/m.exec(stdout) ?? [];
      const { container } = await fleet.api().containers.getContainer({ id: name });
      expect(container?.nodeName).toBe(target);
      expect(source).not.toBe(target);
    });

    test("says what is wrong with a call, and what it lacks", async () => {
      const unknown = await start(["one-more"], { ...environment, LORMAS_TOKEN: "nobody" });
      expect([unknown.code, unknown.stderr]).toEqual([1, expect.stringMatching(/^Unauthenticated|^UNAUTHENTICATED/)]);
      const twice = await start([`from-${language}`], environment);
      expect([twice.code, twice.stderr]).toEqual([1, expect.stringContaining(`from-${language}`)]);
      const { code, stderr } = await start(["one-more"], { PATH: environment["PATH"] });
      expect([code, stderr]).toEqual([2, expect.stringContaining("LORMAS_URL and LORMAS_TOKEN must be set")]);
    });
  });
});
