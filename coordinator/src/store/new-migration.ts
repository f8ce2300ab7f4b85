// Writes the next migration from the difference between the entities and the migrations that exist:
//   node coordinator/src/store/new-migration.ts NAME
// Afterwards add it to migrations/all-migrations.ts and read the SQL: a diff renames nothing, it drops and adds.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MikroORM } from "@mikro-orm/postgresql";
import { databaseConfig } from "./database-config.ts";
import { startEmbeddedPostgres } from "./embedded/embedded-postgres.ts";
import { migrateDatabase } from "./migrate-database.ts";
import { silentLog } from "./store-log.ts";

const name = process.argv[2] ?? "";
if (!/^[a-z][a-z0-9-]{2,40}$/.test(name)) {
  process.stderr.write("Usage: new-migration.ts NAME, in lower case with dashes: add-quotas\n");
  process.exit(2);
}
const directory = mkdtempSync(join(tmpdir(), "lormas-new-migration-"));
try {
  const server = await startEmbeddedPostgres({ dataDir: directory, log: silentLog, durable: false });
  try {
    await migrateDatabase(server.url, silentLog);
    const orm = await MikroORM.init(databaseConfig({ url: server.url, purpose: "migrate", onMessage: () => {} }));
    const { fileName } = await orm.migrator.create(undefined, false, false, name);
    await orm.close(true);
    const said = fileName === "" ? "Nothing to migrate: the entities and the migrations agree." : `Wrote ${fileName}.`;
    process.stdout.write(`${said}\n`);
  } finally {
    await server.stop();
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}
