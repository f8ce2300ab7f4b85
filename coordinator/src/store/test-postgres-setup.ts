import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startEmbeddedPostgres } from "./embedded/embedded-postgres.ts";
import { silentLog } from "./store-log.ts";
import { dropTemplate, ensureTemplate, TEST_SERVER_VARIABLE } from "./test-database.ts";

/**
 * Vitest's globalSetup: one PostgreSQL for the whole run, fsync off, in a directory that goes with it. Where the variable
 * names a server already, that one is used and only the template is cleared away.
 */
export async function setup(): Promise<() => Promise<void>> {
  const given = process.env[TEST_SERVER_VARIABLE];
  if (given !== undefined && given !== "") {
    await ensureTemplate(given);
    return () => dropTemplate(given);
  }
  const directory = await mkdtemp(join(tmpdir(), "lormas-test-postgres-"));
  const clean = (): Promise<void> => rm(directory, { recursive: true, force: true });
  try {
    const server = await startEmbeddedPostgres({ dataDir: directory, log: silentLog, durable: false });
    process.env[TEST_SERVER_VARIABLE] = server.url;
    await ensureTemplate(server.url);
    return async () => {
      delete process.env[TEST_SERVER_VARIABLE];
      await server.stop();
      await clean();
    };
  } catch (thrown) {
    await clean();
    throw thrown;
  }
}
