import { rmSync } from "node:fs";
import type { Clock } from "../../runtime/clock.ts";
import { reasonOf, StoreFailure } from "../store-failure.ts";
import type { StoreLog } from "../store-log.ts";
import { freePort } from "./free-port.ts";
import { watchParents } from "./parent-watch.ts";
import { pause } from "./pause.ts";
import type { ServerAccount } from "./server-account.ts";
import type { ServerFiles } from "./server-files.ts";
import { type ServerProcess, startServerProcess } from "./server-process.ts";

export type Launched = { readonly server: ServerProcess; readonly port: number };

type LaunchOptions = {
  readonly account: ServerAccount;
  readonly postgres: string;
  readonly files: ServerFiles;
  /** Taken where it is free; null takes any. */
  readonly wantedPort: number | null;
  readonly durable: boolean;
  readonly log: StoreLog;
  readonly clock: Clock;
};

const START_ATTEMPTS_MAX = 40;
const RETRY_MS = 250;
/** What ends a start is worth another try: what an earlier server has not let go of yet. */
const PASSING = /lock file .* already exists|pre-existing shared memory|is still in use/;
const PORT_TAKEN = /Address already in use|could not create any TCP\/IP sockets/;

/**
 * Starts the server and waits until it accepts connections; tries again for 10 s while an earlier one lets go of the data
 * or a port is snatched away. Throws StoreFailure with the server's own last lines.
 */
export async function launchServer(options: LaunchOptions): Promise<Launched> {
  const { account, postgres, files, durable, log, clock } = options;
  let wantedPort = options.wantedPort;
  let lines = "";
  for (let attempt = 0; attempt < START_ATTEMPTS_MAX; attempt += 1) {
    const port = await freePort(wantedPort);
    const server = startServerProcess(account, postgres, files.data, settings(port, durable), log);
    const outcome = await server.started;
    if (outcome.ready) return { server, port };
    lines = outcome.lines;
    if (PORT_TAKEN.test(lines)) wantedPort = null;
    else if (!PASSING.test(lines)) break;
    await pause(clock, RETRY_MS);
  }
  const full = /No space left on device|Disk quota exceeded/.test(lines);
  const reason = full
    ? `the disk of ${files.data} is full; make room`
    : `it ended with:\n${lines || "(nothing said)"}\nRepair what it names`;
  const message = `Embedded PostgreSQL: it does not start: ${reason}. Then start again, or set DATABASE_URL.`;
  throw new StoreFailure(full ? "disk_full" : "start_failed", message);
}

function settings(port: number, durable: boolean): Record<string, string> {
  return {
    listen_addresses: "127.0.0.1",
    port: String(port),
    // Loopback with a password only: a socket's path would have a length limit and a directory to guard.
    unix_socket_directories: "",
    max_connections: "100",
    shared_buffers: "64MB",
    lc_messages: "C",
    log_timezone: "UTC",
    timezone: "UTC",
    // Without autovacuum: its worker belongs to the superuser, and would keep a test from dropping the database it looks at.
    ...(durable ? {} : { fsync: "off", full_page_writes: "off", autovacuum: "off" }),
  };
}

const RESTART_DELAY_MIN_MS = 100;
const RESTART_DELAY_MAX_MS = 5_000;
const STOP_STAGES = [
  { signal: "SIGINT", waitMs: 10_000 },
  { signal: "SIGQUIT", waitMs: 6_000 },
  { signal: "SIGKILL", waitMs: 2_000 },
] as const;

export type KeeperContext = {
  readonly launch: (wantedPort: number | null) => Promise<Launched>;
  readonly lifelineFd: number | null;
  readonly files: ServerFiles;
  readonly log: StoreLog;
  readonly clock: Clock;
};

/** Keeps one server running until it is told to stop: one that ends by itself is started again on the same port. */
export class ServerKeeper {
  readonly #context: KeeperContext;
  readonly #port: number;
  #server: ServerProcess;
  #unwatch: () => void = () => {};
  #stopped: Promise<void> | null = null;
  #restarting: Promise<void> = Promise.resolve();

  constructor(first: Launched, context: KeeperContext) {
    this.#context = context;
    this.#port = first.port;
    this.#server = first.server;
    this.#keep(first.server);
  }

  get pid(): number {
    return this.#server.pid;
  }

  /** Ends the server in order, by force when it does not listen; the same promise for every caller. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  #keep(server: ServerProcess): void {
    this.#server = server;
    this.#unwatch = watchParents(server.pid, this.#context.lifelineFd);
    void server.exited.then(() => {
      this.#unwatch();
      if (this.#stopped === null) this.#restarting = this.#restart();
    });
  }

  async #restart(): Promise<void> {
    const { launch, log, clock } = this.#context;
    let delayMs = RESTART_DELAY_MIN_MS;
    while (this.#stopped === null) {
      log.error({ pid: this.#server.pid, delayMs }, "embedded PostgreSQL ended by itself; starting it again");
      await pause(clock, delayMs);
      if (this.#stopped !== null) return;
      try {
        const { server, port } = await launch(this.#port);
        if (port === this.#port) {
          this.#keep(server);
          return;
        }
        // Clients know the old address; a server elsewhere would never be found.
        await this.#end(server);
        log.error({ port: this.#port }, "the port of embedded PostgreSQL is taken; free it");
      } catch (thrown) {
        log.error({ reason: reasonOf(thrown) }, "embedded PostgreSQL could not be started again");
      }
      delayMs = Math.min(delayMs * 2, RESTART_DELAY_MAX_MS);
    }
  }

  async #stop(): Promise<void> {
    // A restart that is on its way puts its server in place first, so that none is forgotten.
    await this.#restarting;
    await this.#end(this.#server);
    this.#unwatch();
    rmSync(this.#context.files.launcher, { force: true });
  }

  async #end(server: ServerProcess): Promise<void> {
    for (const { signal, waitMs } of STOP_STAGES) {
      if (!server.running()) return;
      server.signal(signal);
      let cancel: () => void = () => {};
      const late = new Promise<void>((resolve) => {
        cancel = this.#context.clock.schedule(waitMs, resolve);
      });
      await Promise.race([server.exited, late]);
      cancel();
    }
  }
}
