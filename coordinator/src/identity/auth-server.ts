import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { type BetterAuthOptions, betterAuth } from "better-auth";
import { createAuthMiddleware, isAPIError } from "better-auth/api";
import { getMigrations } from "better-auth/db/migration";
import pg from "pg";
import type { Logger } from "pino";
import { readPrivateFile, writePrivateFile } from "./private-file.ts";

/** The header in which better-auth gets the peer's address; whatever a caller sends in it is overwritten. */
export const PEER_HEADER = "x-lormas-peer";
/** Shortest and longest new password, characters. */
export const PASSWORD_LENGTH_MIN = 12;
export const PASSWORD_LENGTH_MAX = 128;

const SESSION_SECONDS = 7 * 24 * 3_600;
const CONNECTIONS_MAX = 4;
const CONNECT_TIMEOUT_MS = 2_000;
const STATEMENT_TIMEOUT_MS = 1_500;
const ANSWER_TIMEOUT_MS = 2_500;
/** Any number that nobody else takes in this database. */
const MIGRATION_LOCK = 1_308_107_262;

/** better-auth with its own tables in the schema `auth`. */
export type AuthServer = {
  readonly auth: ReturnType<typeof configure>;
  /** For its neighbours in the schema `auth`. */
  readonly pool: pg.Pool;
  close(): Promise<void>;
};

/**
 * Starts better-auth: sign-in by e-mail and password, no sign-up, sessions in the database only (a session that is
 * revoked is over at once). Its tables are made or brought up to date, one coordinator at a time. The secret that signs
 * cookies lies in <data dir>/auth.secret (0600).
 */
export async function startAuthServer(options: {
  readonly databaseUrl: string;
  readonly dataDir: string;
  readonly log: Logger;
}): Promise<AuthServer> {
  const { databaseUrl, dataDir, log } = options;
  const secret = await authSecret(dataDir);
  const pool = new pg.Pool({
    connectionString: databaseUrl,
    options: "-c search_path=auth",
    application_name: "lormas-identity",
    max: CONNECTIONS_MAX,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    query_timeout: ANSWER_TIMEOUT_MS,
    keepAlive: true,
    allowExitOnIdle: true,
  });
  // An idle connection that breaks is replaced at the next use; without a listener it would end the process.
  pool.on("error", (error) => log.warn({ reason: error.message }, "an idle connection of identity broke"));
  try {
    await migrate(databaseUrl, secret, log);
    return { auth: configure(pool, secret, log), pool, close: () => pool.end() };
  } catch (error) {
    await pool.end();
    throw error;
  }
}

async function authSecret(dataDir: string): Promise<string> {
  const path = join(dataDir, "auth.secret");
  const kept = await readPrivateFile(path);
  if (kept !== null && kept.length >= 32) return kept;
  const secret = randomBytes(48).toString("base64url");
  await writePrivateFile(path, secret);
  return secret;
}

async function migrate(databaseUrl: string, secret: string, log: Logger): Promise<void> {
  const locker = new pg.Client({ connectionString: databaseUrl, application_name: "lormas-identity-migrate" });
  locker.on("error", (error) => log.warn({ reason: error.message }, "the connection that holds identity's lock broke"));
  await locker.connect();
  const pool = new pg.Pool({ connectionString: databaseUrl, options: "-c search_path=auth", max: 2 });
  pool.on("error", (error) => log.warn({ reason: error.message }, "a connection of identity's migration broke"));
  try {
    await locker.query("select pg_advisory_lock($1)", [MIGRATION_LOCK]);
    await locker.query("create schema if not exists auth");
    // Not through betterAuth(): that would look for the tables first and report them missing.
    const { runMigrations } = await getMigrations(authOptions(pool, secret, log));
    await runMigrations();
  } finally {
    await pool.end();
    await locker.end();
  }
}

function configure(pool: pg.Pool, secret: string, log: Logger) {
  return betterAuth(authOptions(pool, secret, log));
}

function authOptions(pool: pg.Pool, secret: string, log: Logger) {
  return {
    appName: "Lormas",
    basePath: "/api/auth",
    secret,
    database: pool,
    telemetry: { enabled: false },
    emailAndPassword: {
      enabled: true,
      disableSignUp: true,
      minPasswordLength: PASSWORD_LENGTH_MIN,
      maxPasswordLength: PASSWORD_LENGTH_MAX,
    },
    user: {
      additionalFields: {
        mustChangePassword: { type: "boolean", required: true, defaultValue: false, input: false },
      },
    },
    session: { expiresIn: SESSION_SECONDS, cookieCache: { enabled: false } },
    // Its own limits do nothing outside production mode; sign-in-limits.ts holds.
    rateLimit: { enabled: false },
    // The public plane has compared Origin with Host already; behind a proxy better-auth would see another scheme.
    trustedOrigins: (request) => [request?.headers.get("origin") ?? ""].filter((origin) => origin !== ""),
    advanced: {
      cookiePrefix: "lormas",
      defaultCookieAttributes: { httpOnly: true, sameSite: "lax", path: "/" },
      ipAddress: { ipAddressHeaders: [PEER_HEADER] },
    },
    hooks: {
      after: createAuthMiddleware(async (context) => {
        if (context.path !== "/change-password" || isAPIError(context.context.returned)) return;
        const userId = context.context.session?.user.id;
        // A crash before this only asks for one more change.
        if (userId !== undefined)
          await context.context.internalAdapter.updateUser(userId, { mustChangePassword: false });
      }),
    },
    logger: {
      level: "warn",
      log: (level, message) =>
        log[level === "error" || level === "warn" ? level : "info"]({ room: "identity" }, message),
    },
  } satisfies BetterAuthOptions;
}
