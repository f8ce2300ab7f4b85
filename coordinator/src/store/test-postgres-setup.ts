import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startEmbeddedPostgres } from "./embedded/embedded-postgres.ts";
import { silentLog } from "./store-log.ts";
import { dropTemplate, ensureTemplate, TEST_SERVER_VARIABLE } from "./test-database.ts";

/** Set while the server is one that another project of the same run has started, and will stop. */
const SHARED_VARIABLE = `${TEST_SERVER_VARIABLE}_OF_THIS_RUN`;

/**
 * Vitest's globalSetup: one PostgreSQL for the whole run, fsync off, in a directory that goes with it. Where the variable
 * names a server already, that one is used and only the template is cleared away.
 */
export async function setup(): Promise<() => Promise<void>> {
  const given = process.env[TEST_SERVER_VARIABLE];
  if (given !== undefined && given !== "") {
    await ensureTemplate(given);
    return process.env[SHARED_VARIABLE] === undefined ? () => dropTemplate(given) : async () => undefined;
  }
  const directory = await mkdtemp(join(tmpdir(), "lormas-test-postgres-"));
  const clean = (): Promise<void> => rm(directory, { recursive: true, force: true });
  try {
    const server = await startEmbeddedPostgres({ dataDir: directory, log: silentLog, durable: false });
    process.env[TEST_SERVER_VARIABLE] = server.url;
    process.env[SHARED_VARIABLE] = "yes";
    await ensureTemplate(server.url);
    return async () => {
      delete process.env[TEST_SERVER_VARIABLE];
      delete process.env[SHARED_VARIABLE];
      await server.stop();
      await clean();
    };
  } catch (thrown) {
    await clean();
    throw thrown;
  }
}
