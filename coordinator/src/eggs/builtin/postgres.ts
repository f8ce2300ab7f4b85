import type { EggDefinition } from "../egg-definition.ts";

/** A database on a local volume: it does not move away from a dead node unless its owner accepts the loss of its data. */
export const postgres: EggDefinition = {
  id: "postgres",
  name: "PostgreSQL",
  description: "PostgreSQL 17 with its data on a volume of its node.",
  categoryId: "databases",
  version: "1",
  image: "postgres:17",
  startup: {
    // A directory below the mount: a file system's own lost+found would make initdb refuse.
    docker: "export PGDATA=/var/lib/postgresql/data/pgdata && exec docker-entrypoint.sh postgres",
  },
  variables: [
    {
      name: "POSTGRES_PASSWORD",
      description: "Password of the database's owner.",
      defaultValue: "",
      required: true,
      pattern: "[^\\p{Cc}]{8,128}",
    },
    {
      name: "POSTGRES_USER",
      description: "The database's owner.",
      defaultValue: "postgres",
      required: true,
      pattern: "[a-z_][a-z0-9_]{0,62}",
    },
    {
      name: "POSTGRES_DB",
      description: "The database that is made on the first start.",
      defaultValue: "postgres",
      required: true,
      pattern: "[a-z_][a-z0-9_]{0,62}",
    },
  ],
  ports: [{ name: "postgres", containerPort: 5432, protocol: "tcp" }],
  volumes: [{ name: "data", path: "/var/lib/postgresql/data", kind: "local" }],
  // SIGINT: clients are cut off and everything is written; SIGTERM would wait for the last client.
  stop: { signal: "SIGINT", graceMs: 30_000 },
  health: {
    kind: "command",
    portName: "",
    path: "",
    // Over TCP: the server that initialises the data on the first start listens on its socket only.
    command: 'pg_isready -q -h 127.0.0.1 -U "$POSTGRES_USER" -d "$POSTGRES_DB"',
    intervalMs: 500,
    timeoutMs: 3_000,
  },
  // The first start makes the data; a crash is recovered from.
  startBudgetMs: 60_000,
  defaultResources: { cpuMillis: 500, memoryBytes: 256 * 1024 ** 2, diskBytes: 1024 ** 3 },
};
