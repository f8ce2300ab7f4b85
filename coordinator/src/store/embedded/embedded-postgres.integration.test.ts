import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import pg from "pg";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { silentLog } from "../store-log.ts";
import { type EmbeddedPostgres, type EmbeddedPostgresOptions, startEmbeddedPostgres } from "./embedded-postgres.ts";
import { binariesIn } from "./platform-binaries.ts";
import { workingDirectory } from "./process-identity.ts";

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const one of undo.splice(0).reverse()) await one();
});

/** A data folder as a first start and a stop leave it: what a test begins with that is not about the first start itself. */
let madeOnce: string;
beforeAll(async () => {
  madeOnce = await newFolder();
  const first = await startEmbeddedPostgres({ dataDir: madeOnce, log: silentLog, durable: false });
  await first.stop();
});
afterAll(() => rm(madeOnce, { recursive: true, force: true }));

const newFolder = async (): Promise<string> => realpathSync(await mkdtemp(join(tmpdir(), "lormas-embedded-")));

async function folder(): Promise<string> {
  const path = await newFolder();
  undo.push(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** Copied with its owners: as root the server runs as another user. */
async function usedFolder(): Promise<string> {
  const path = await folder();
  const copied = spawnSync("cp", ["-a", `${madeOnce}/.`, path]);
  expect(copied.status, String(copied.stderr)).toBe(0);
  return path;
}

async function start(dataDir: string, more: Partial<EmbeddedPostgresOptions> = {}): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({ dataDir, log: silentLog, durable: false, ...more });
  undo.push(() => server.stop());
  return server;
}

async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => {});
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

/** Every process that stands in the data directory: the server and all its children. */
function serversIn(dataDir: string): number[] {
  const data = join(dataDir, "data");
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => workingDirectory(pid) === data);
}

/** The shells that watch this server's parents, and what they run. */
function watchersOf(serverPid: number): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && commandOf(name).endsWith(`lormas-postgres-watch ${serverPid}`))
    .map(Number);
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").join(" ").trim();
  } catch {
    return "";
  }
}

/** A process of its own that starts the server and then only waits; its third pipe is a lifeline. */
async function launcher(dataDir: string): Promise<{ child: ChildProcess; url: string }> {
  const script = `
    const { startEmbeddedPostgres } = await import(${JSON.stringify(new URL("./embedded-postgres.ts", import.meta.url).href)});
    const log = { info() {}, warn() {}, error() {} };
    const server = await startEmbeddedPostgres({ dataDir: ${JSON.stringify(dataDir)}, lifelineFd: 3, log });
    process.stdout.write(server.url + "\\n");
    setInterval(() => {}, 60_000);
  `;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", script], {
    stdio: ["ignore", "pipe", "inherit", "pipe"],
  });
  undo.push(async () => {
    child.kill("SIGKILL");
    await vi.waitFor(() => expect(serversIn(dataDir)).toEqual([]), { timeout: 15_000, interval: 50 });
  });
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout?.once("data", (data) => resolve(String(data).trim()));
    child.once("exit", () => reject(new Error("the launcher ended")));
  });
  return { child, url };
}

const onLinux = test.runIf(process.platform === "linux");
const asRoot = test.runIf(process.platform === "linux" && process.getuid?.() === 0);

test("a second start finds the data of the first, on the same port, and a stop leaves nothing behind", async () => {
  const dataDir = await folder();
  const first = await start(dataDir);
  await query(first.url, "CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)");
  const { pid } = first;
  if (process.platform === "linux") expect(watchersOf(pid)).toHaveLength(1);
  await first.stop();
  if (process.platform === "linux") {
    expect(serversIn(dataDir)).toEqual([]);
    await vi.waitFor(() => expect(watchersOf(pid)).toEqual([]), { timeout: 5_000, interval: 20 });
  }
  const second = await start(dataDir);
  expect(second.url).toBe(first.url);
  expect(await query(second.url, "SELECT n FROM kept")).toEqual([{ n: 7 }]);
});

test("what is committed survives (fsync is on), and the role of Lormas is no superuser", async () => {
  const dataDir = await folder();
  const { url } = await start(dataDir, { durable: true });
  expect(await query(url, "SHOW fsync")).toEqual([{ fsync: "on" }]);
  const [role] = await query(url, "SELECT rolsuper, rolcreatedb FROM pg_roles WHERE rolname = current_user");
  expect(role).toEqual({ rolsuper: false, rolcreatedb: true });
  await expect(query(url, "SELECT pg_read_file('/etc/passwd')")).rejects.toThrow(/permission denied/);
  expect(statSync(join(dataDir, "credentials.json")).mode & 0o777).toBe(0o600);
  expect(statSync(join(dataDir, "data")).mode & 0o777).toBe(0o700);
});

test("a wrong password is refused", async () => {
  const { url } = await start(await usedFolder());
  const wrong = new URL(url);
  wrong.password = "guess";
  await expect(query(wrong.toString(), "SELECT 1")).rejects.toThrow(/password authentication failed/);
});

onLinux("a SIGKILLed launcher leaves no server within 5 s", async () => {
  const dataDir = await usedFolder();
  const { child } = await launcher(dataDir);
  expect(serversIn(dataDir).length).toBeGreaterThan(0);
  child.kill("SIGKILL");
  await vi.waitFor(() => expect(serversIn(dataDir)).toEqual([]), { timeout: 5_000, interval: 50 });
});

onLinux("the end of the lifeline ends the server within 5 s even when its launcher is frozen", async () => {
  const dataDir = await usedFolder();
  const { child } = await launcher(dataDir);
  child.kill("SIGSTOP");
  (child.stdio[3] as NodeJS.WritableStream & { destroy(): void }).destroy();
  await vi.waitFor(() => expect(serversIn(dataDir)).toEqual([]), { timeout: 5_000, interval: 50 });
});

onLinux(
  "a start right after a SIGKILLed launcher waits for its server to go, and finds what was committed",
  async () => {
    const dataDir = await usedFolder();
    const { child, url } = await launcher(dataDir);
    await query(url, "CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)");
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await gone;
    const second = await start(dataDir);
    expect(await query(second.url, "SELECT n FROM kept")).toEqual([{ n: 7 }]);
  },
);

onLinux("data that another coordinator uses is refused and left alone", async () => {
  const dataDir = await usedFolder();
  const { url } = await launcher(dataDir);
  await expect(startEmbeddedPostgres({ dataDir, log: silentLog })).rejects.toMatchObject({ code: "in_use" });
  expect(await query(url, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
});

onLinux("a lock that names a stranger with the server's old number does not stop a start", async () => {
  const dataDir = await usedFolder();
  const first = await start(dataDir);
  await first.stop();
  const stranger = spawn("sleep", ["60"], { stdio: "ignore" });
  undo.push(() => stranger.kill("SIGKILL"));
  writeFileSync(join(dataDir, "data", "postmaster.pid"), `${stranger.pid}\n${join(dataDir, "data")}\n`);
  const second = await start(dataDir);
  expect(second.url).toBe(first.url);
  expect(stranger.exitCode).toBeNull();
});

onLinux("a server that is killed comes back at the same address with what was committed", async () => {
  const dataDir = await usedFolder();
  const server = await start(dataDir);
  await query(server.url, "CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)");
  const before = server.pid;
  process.kill(before, "SIGKILL");
  await vi.waitFor(async () => expect(await query(server.url, "SELECT n FROM kept")).toEqual([{ n: 7 }]), {
    timeout: 20_000,
    interval: 100,
  });
  expect(server.pid).not.toBe(before);
});

test("a port that is taken meanwhile is replaced by a free one", async () => {
  const dataDir = await usedFolder();
  const first = await start(dataDir);
  await first.stop();
  const port = Number(new URL(first.url).port);
  const squatter = createServer();
  await new Promise<void>((resolve) => squatter.listen(port, "127.0.0.1", resolve));
  undo.push(() => new Promise((resolve) => squatter.close(resolve)));
  const second = await start(dataDir);
  expect(new URL(second.url).port).not.toBe(String(port));
  expect(await query(second.url, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
});

test("data of another major version, and data without its credentials, are refused with what to do", async () => {
  const dataDir = await usedFolder();
  const version = join(dataDir, "data", "PG_VERSION");
  const made = readFileSync(version, "utf8");
  writeFileSync(version, "12\n");
  const other = startEmbeddedPostgres({ dataDir, log: silentLog });
  await expect(other).rejects.toMatchObject({
    code: "wrong_version",
    message: expect.stringContaining("PostgreSQL 12"),
  });
  writeFileSync(version, made);
  rmSync(join(dataDir, "credentials.json"));
  const without = startEmbeddedPostgres({ dataDir, log: silentLog });
  await expect(without).rejects.toMatchObject({ code: "unreadable", message: expect.stringContaining("backup") });
});

test("an initialisation that was cut off is begun again", async () => {
  const dataDir = await usedFolder();
  // As a crash between making the data and moving it to its place leaves it.
  rmSync(join(dataDir, "data.new"), { recursive: true, force: true });
  cpSync(join(dataDir, "data"), join(dataDir, "data.new"), { recursive: true });
  rmSync(join(dataDir, "data"), { recursive: true });
  const second = await start(dataDir);
  expect(await query(second.url, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
  expect(existsSync(join(dataDir, "data.new"))).toBe(false);
});

asRoot("a full disk is named, and what was begun is cleared away", async (context) => {
  const mount = await folder();
  if (spawnSync("mount", ["-t", "tmpfs", "-o", "size=24m", "tmpfs", mount]).status !== 0) {
    if (process.env["LORMAS_TEST_REQUIRE"] === "1") expect.fail("tmpfs cannot be mounted here");
    context.skip("tmpfs cannot be mounted here");
  }
  undo.push(() => spawnSync("umount", [mount]));
  const dataDir = join(mount, "postgres");
  const full = startEmbeddedPostgres({ dataDir, log: silentLog });
  await expect(full).rejects.toMatchObject({ code: "disk_full", message: expect.stringContaining("make room") });
  expect(readdirSync(dataDir)).toEqual([]);
});

asRoot("as root it runs unprivileged, also with programs and data in a folder that only root may enter", async () => {
  const home = await folder();
  chmodSync(home, 0o700);
  const found = createRequire(import.meta.url).resolve(`@embedded-postgres/linux-${process.arch}`);
  const root = join(home, "package");
  cpSync(dirname(dirname(found)), root, { recursive: true });
  // As an install that runs no scripts leaves it.
  const links: unknown = JSON.parse(readFileSync(join(root, "native/pg-symlinks.json"), "utf8"));
  for (const { target } of links as { target: string }[]) rmSync(join(root, target), { force: true });
  const dataDir = join(home, "data-of-lormas", "postgres");
  const server = await start(dataDir, { binaries: binariesIn(root) });
  expect(await query(server.url, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
  expect(statSync(join(home, "data-of-lormas")).mode & 0o777).toBe(0o700);
  const status = readFileSync(`/proc/${server.pid}/status`, "utf8");
  expect(Number(/^Uid:\s+(\d+)/m.exec(status)?.[1])).toBeGreaterThan(0);
  // Read and search, nothing else.
  expect(/^CapEff:\s+(\w+)/m.exec(status)?.[1]).toBe("0000000000000004");
  await server.stop();
  expect(serversIn(dataDir)).toEqual([]);
});

asRoot("as root it gets no capability where it can go without", async () => {
  const home = await folder();
  chmodSync(home, 0o755);
  const found = createRequire(import.meta.url).resolve(`@embedded-postgres/linux-${process.arch}`);
  const root = join(home, "package");
  cpSync(dirname(dirname(found)), root, { recursive: true });
  const server = await start(join(home, "postgres"), { binaries: binariesIn(root) });
  expect(/^CapEff:\s+(\w+)/m.exec(readFileSync(`/proc/${server.pid}/status`, "utf8"))?.[1]).toBe("0000000000000000");
});
