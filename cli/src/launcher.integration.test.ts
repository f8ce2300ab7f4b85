import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const repository = join(import.meta.dirname, "..", "..");
let directory: string;

beforeEach(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), "lormas-launcher-")));
});

afterEach(() => rmSync(directory, { recursive: true }));

/** Runs the CLI from the test's directory, with a data dir that has no coordinator. */
function lormas(command: string, ...args: string[]): { code: number | null; out: string; err: string } {
  const env = { PATH: process.env["PATH"] ?? "", LORMAS_DATA_DIR: join(directory, "data") };
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: directory, env, encoding: "utf8" });
  return { code: status, out: stdout, err: stderr };
}

/** The same without holding up this process, which may have to answer meanwhile. */
async function lormasEnd(...args: string[]): Promise<{ code: number | null; err: string }> {
  const env = { PATH: process.env["PATH"] ?? "", LORMAS_DATA_DIR: join(directory, "data") };
  const child = spawn(join(repository, "lormas"), args, { cwd: directory, env, stdio: ["ignore", "ignore", "pipe"] });
  let err = "";
  child.stderr.on("data", (chunk: Buffer) => {
    err += chunk.toString();
  });
  const [code] = await once(child, "exit");
  return { code, err };
}

describe("the launchers", () => {
  it.each(["lormas", "cli/bin/lormas"])("%s works from another directory and through symlinks", (path) => {
    symlinkSync(join(repository, path), join(directory, "one"));
    symlinkSync("one", join(directory, "two"));
    const { code, out } = lormas("./two", "--version");
    expect(code).toBe(0);
    expect(out).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it("works by way of the links that npm makes", () => {
    mkdirSync(join(directory, "node_modules", ".bin"), { recursive: true });
    symlinkSync(join(repository, "cli"), join(directory, "node_modules", "lormas"));
    symlinkSync("../lormas/bin/lormas", join(directory, "node_modules", ".bin", "lormas"));
    expect(lormas("node_modules/.bin/lormas", "--version").code).toBe(0);
  });

  it("ends, with the coordinator's reason, when the coordinator cannot start", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const address = taken.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    const httpListen = `127.0.0.1:${address.port}`;
    const { code, err } = await lormasEnd(
      "up",
      "--nodes",
      "1",
      "--http-listen",
      httpListen,
      "--agent-listen",
      "127.0.0.1:0",
    );
    taken.close();
    expect(code).toBe(1);
    expect(err).toMatch(/ended before it was ready.*EADDRINUSE/s);
  });

  it("says which command to run first in a clone that is not installed", () => {
    mkdirSync(join(directory, "clone", "cli", "bin"), { recursive: true });
    for (const path of ["lormas", "cli/bin/lormas"]) {
      copyFileSync(join(repository, path), join(directory, "clone", path));
      chmodSync(join(directory, "clone", path), 0o755);
    }
    const { code, err } = lormas("clone/lormas", "node", "ls");
    expect(code).toBe(5);
    expect(err).toContain(`cd ${directory}/clone && npm start`);
  });
});

describe("the command line", () => {
  const cli = join(repository, "lormas");

  it("documents its exit codes and an example a command", () => {
    expect(lormas(cli, "--help").out).toContain("Exit codes:");
    for (const command of [
      "up",
      "demo failover",
      "node ls",
      "container create",
      "container logs",
      "migration show",
      "events",
    ]) {
      const { code, out } = lormas(cli, ...command.split(" "), "--help");
      expect(code, command).toBe(0);
      expect(out, command).toContain("Example:");
    }
  });

  it.each([
    ["an unknown command", ["frobnicate"]],
    ["an unknown flag", ["node", "ls", "--frob"]],
    ["a value out of range", ["up", "--nodes", "17"]],
    ["a value that is none of the choices", ["up", "--runtime", "podman"]],
    ["a port out of range", ["container", "create", "web", "--egg", "x", "--port", "http=70000"]],
    ["no command at all", []],
  ])("ends with 2 at %s and changes nothing", (_what, args) => {
    const { code, out, err } = lormas(cli, ...args);
    expect(code).toBe(2);
    expect(out).toBe("");
    expect(err).not.toBe("");
  });

  it("ends with 5 and the next step when no coordinator and no fleet is there", () => {
    for (const args of [
      ["node", "ls"],
      ["demo", "failover"],
      ["demo", "revive", "node-1"],
    ]) {
      const { code, err } = lormas(cli, ...args);
      expect(code, args.join(" ")).toBe(5);
      expect(err, args.join(" ")).toMatch(/^lormas: .+\n {2}next: .*npm start/);
    }
  });

  it("ends with 5 when the coordinator it is told of does not answer, with 4 when it has no token for it", () => {
    const url = "http://127.0.0.1:1";
    expect(lormas(cli, "node", "ls", "--url", url).code).toBe(4);
    const env = { PATH: process.env["PATH"] ?? "", LORMAS_TOKEN: "t" };
    const { status, stderr } = spawnSync(cli, ["node", "ls", "--url", url], { env, encoding: "utf8" });
    expect(status).toBe(5);
    expect(stderr).toContain("ECONNREFUSED");
  });
});
