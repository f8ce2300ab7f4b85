import { readFileSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import type { Fleet } from "./fleet.ts";

/** The embedded PostgreSQL of a fleet, seen from outside: its processes, and a connection past the coordinator. */
export class EmbeddedDatabase {
  readonly #fleet: Fleet;

  constructor(fleet: Fleet) {
    this.#fleet = fleet;
  }

  /** The postmaster, first, and its children. */
  get pids(): number[] {
    const all = this.#fleet.processes().filter(({ argv }) => /(^|\/)postgres(:|$)/.test(argv[0] ?? ""));
    const postmasters = all.filter(({ argv }) => argv.includes("-D")).map(({ pid }) => pid);
    if (postmasters.length === 0) throw new Error("no embedded PostgreSQL runs");
    return [...postmasters, ...all.map(({ pid }) => pid).filter((pid) => !postmasters.includes(pid))];
  }

  /** Sends a signal to the postmaster and all its children. */
  signalAll(signal: NodeJS.Signals): void {
    for (const pid of this.pids) process.kill(pid, signal);
  }

  /** Runs one statement as the database's owner; how many rows it touched. */
  async run(statement: string, values: readonly unknown[]): Promise<number> {
    const file = join(this.#fleet.dataDir.path, "postgres", "credentials.json");
    // Written by the coordinator, which promises these fields.
    const { password, port } = JSON.parse(readFileSync(file, "utf8")) as { password: string; port: number };
    const client = new pg.Client({ host: "127.0.0.1", port, user: "lormas", database: "lormas", password });
    await client.connect();
    try {
      return (await client.query(statement, [...values])).rowCount ?? 0;
    } finally {
      await client.end();
    }
  }
}
