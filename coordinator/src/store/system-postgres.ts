import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { capturedCommand } from "./embedded/captured-command.ts";
import { freePort } from "./embedded/free-port.ts";
import { accountThatReaches, chooseAccount, giveTo } from "./embedded/server-account.ts";
import { startServerProcess } from "./embedded/server-process.ts";
import { SERVER_VERSION_MIN } from "./migrate-database.ts";
import { silentLog } from "./store-log.ts";

const DEBIAN_ROOT = "/usr/lib/postgresql";

/** The programs of the newest PostgreSQL ≥ 15 that the machine itself has, null when it has none. For tests. */
export function systemPostgresBinaries(): string | null {
  if (!existsSync(DEBIAN_ROOT)) return null;
  const versions = readdirSync(DEBIAN_ROOT)
    .map(Number)
    .filter((major) => major >= SERVER_VERSION_MIN);
  const newest = versions.sort((a, b) => b - a)[0];
  const bin = join(DEBIAN_ROOT, String(newest), "bin");
  return newest !== undefined && existsSync(join(bin, "initdb")) ? bin : null;
}

/** Starts a server of the machine's own programs in a folder of the caller's, who removes it after stop. For tests. */
export async function startSystemPostgres(
  bin: string,
  folder: string,
): Promise<{ url: string; stop(): Promise<void> }> {
  const data = join(folder, "data");
  mkdirSync(data, { mode: 0o700 });
  const chosen = await chooseAccount(null);
  giveTo(chosen, data);
  const { account } = await accountThatReaches(chosen, join(bin, "postgres"), data);
  const argv = [...account.prefix, join(bin, "initdb"), "-D", data, "-U", "lormas", "-A", "trust", "--no-sync"];
  const made = await capturedCommand([...argv, "-E", "UTF8", "--locale=C"], 60_000, account.identity);
  if (!made.ok) throw new Error(`initdb of ${bin}: ${made.output}`);
  const port = await freePort(null);
  const settings = { listen_addresses: "127.0.0.1", port: String(port), unix_socket_directories: "", fsync: "off" };
  const server = startServerProcess(account, join(bin, "postgres"), data, settings, silentLog);
  const outcome = await server.started;
  if (!outcome.ready) throw new Error(`postgres of ${bin}: ${outcome.lines}`);
  return {
    url: `postgres://lormas@127.0.0.1:${port}/postgres`,
    async stop() {
      server.signal("SIGINT");
      await server.exited;
    },
  };
}
