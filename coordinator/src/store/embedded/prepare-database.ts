import pg from "pg";
import { type Credentials, DATABASE, ROLE, SUPERUSER } from "./server-files.ts";

const CONNECT_BOUND_MS = 10_000;

/** Makes the role and the database of Lormas; may be repeated. */
export async function prepareDatabase(port: number, credentials: Credentials): Promise<void> {
  const client = new pg.Client({
    host: "127.0.0.1",
    port,
    user: SUPERUSER,
    password: credentials.superuserPassword,
    database: "postgres",
    connectionTimeoutMillis: CONNECT_BOUND_MS,
  });
  client.on("error", () => {
    // The query that it breaks rejects by itself.
  });
  await client.connect();
  try {
    const password = client.escapeLiteral(credentials.password);
    const role = await client.query("SELECT 1 FROM pg_roles WHERE rolname = $1", [ROLE]);
    // CREATEDB: to restore into, and to test on, a second database.
    await client.query(`${role.rowCount === 0 ? "CREATE" : "ALTER"} ROLE ${ROLE} LOGIN CREATEDB PASSWORD ${password}`);
    const database = await client.query("SELECT 1 FROM pg_database WHERE datname = $1", [DATABASE]);
    if (database.rowCount === 0) await client.query(`CREATE DATABASE ${DATABASE} OWNER ${ROLE}`);
  } finally {
    await client.end();
  }
}
