import { chmodSync, existsSync, mkdirSync, rmSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type { Clock } from "../../runtime/clock.ts";
import { systemClock } from "../../runtime/system-clock.ts";
import { reasonOf, StoreFailure } from "../store-failure.ts";
import type { StoreLog } from "../store-log.ts";
import { type PlatformBinaries, platformBinaries } from "./platform-binaries.ts";
import { prepareDatabase } from "./prepare-database.ts";
import { endPreviousServer } from "./previous-server.ts";
import { processIdentity } from "./process-identity.ts";
import { accountThatReaches, chooseAccount } from "./server-account.ts";
import {
  type Credentials,
  checkDataVersion,
  createData,
  DATABASE,
  makeDraft,
  ROLE,
  readCredentials,
  type ServerFiles,
  serverFiles,
  writePrivateJson,
} from "./server-files.ts";
import { type Launched, launchServer, ServerKeeper } from "./server-keeper.ts";

export type EmbeddedPostgresOptions = {
  /** Holds the data, the passwords (0600) and the port; made when absent. */
  readonly dataDir: string;
  /** A pipe whose end of file means that the whole local fleet is to end. */
  readonly lifelineFd?: number | null;
  readonly log: StoreLog;
  readonly clock?: Clock;
  /** False for tests only: what is committed need not survive a crash of the machine. */
  readonly durable?: boolean;
  /** The programs; those of the platform's npm package when absent. */
  readonly binaries?: PlatformBinaries;
};

export type EmbeddedPostgres = {
  /** Of the database `lormas`, as its owner, who is no superuser. Stays valid until stop, also across a restart. */
  readonly url: string;
  /** Of the server that runs now. */
  readonly pid: number;
  /** Ends it in order (within 10 s), else by force. */
  stop(): Promise<void>;
};

/**
 * Starts PostgreSQL from the platform's npm package on 127.0.0.1, made on the first start, and keeps it: one that ends by
 * itself is started again on the same port. It ends with the process that launched it, however that one ends. Throws
 * StoreFailure with what to do.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { log, clock = systemClock, durable = true, lifelineFd = null } = options;
  const files = serverFiles(resolve(options.dataDir));
  const binaries = options.binaries ?? platformBinaries(process.platform, process.arch);
  makeRoot(files);
  await endPreviousServer(files, { clock, log });
  writePrivateJson(files.launcher, { pid: process.pid, identity: processIdentity(process.pid) });
  try {
    const exists = existsSync(files.data);
    const chosen = await chooseAccount(exists ? files.data : null);
    const directory = exists ? files.data : makeDraft(files, chosen);
    const { account, version } = await accountThatReaches(chosen, binaries.postgres, directory);
    if (exists) checkDataVersion(files, version);
    const credentials = exists
      ? readCredentials(files)
      : await createData(files, account, binaries.initdb, { durable });
    const launch = (wantedPort: number | null): Promise<Launched> =>
      launchServer({ account, postgres: binaries.postgres, files, wantedPort, durable, log, clock });
    const first = await launch(credentials.port);
    const port = first.port;
    const keeper = new ServerKeeper(first, { launch, lifelineFd, files, log, clock });
    try {
      if (!credentials.prepared) await prepareDatabase(port, credentials);
    } catch (cause) {
      await keeper.stop();
      const message = `Embedded PostgreSQL: its database cannot be prepared: ${reasonOf(cause)}. Look at the log above and start again.`;
      throw new StoreFailure("start_failed", message, { cause });
    }
    if (credentials.port !== port || !credentials.prepared) {
      writePrivateJson(files.credentials, { ...credentials, port, prepared: true } satisfies Credentials);
    }
    return {
      url: `postgres://${ROLE}:${credentials.password}@127.0.0.1:${port}/${DATABASE}`,
      get pid(): number {
        return keeper.pid;
      },
      stop: () => keeper.stop(),
    };
  } catch (thrown) {
    rmSync(files.launcher, { force: true });
    throw thrown;
  }
}

function makeRoot(files: ServerFiles): void {
  try {
    mkdirSync(dirname(files.root), { recursive: true, mode: 0o700 });
    mkdirSync(files.root, { recursive: true });
    // The server's account must be able to pass; what is secret in here is 0600 or 0700 itself.
    chmodSync(files.root, 0o711);
  } catch (cause) {
    const full = (cause as NodeJS.ErrnoException).code === "ENOSPC";
    const message = `Embedded PostgreSQL: cannot make ${files.root}: ${reasonOf(cause)}. Make it writable or choose another data directory.`;
    throw new StoreFailure(full ? "disk_full" : "unreadable", message, { cause });
  }
}
