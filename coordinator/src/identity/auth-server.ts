import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { type BetterAuthOptions, betterAuth } from "better-auth";
import { createAuthMiddleware, isAPIError } from "better-auth/api";
import { getMigrations } from "better-auth/db/migration";
import { twoFactor } from "better-auth/plugins/two-factor";
import pg from "pg";
import type { Logger } from "pino";
import { CHALLENGE_SECONDS } from "./challenge.ts";
import { challengeOwner } from "./challenge-owner.ts";
import { providerSession } from "./oidc/provider-session.ts";
import { readPrivateFile, writePrivateFile } from "./private-file.ts";
import { makeRemovedSubjects } from "./removed-subjects.ts";
import { Sessions } from "./sessions.ts";
import { ATTEMPTS_PER_ACCOUNT, WINDOW_SECONDS } from "./sign-in-limits.ts";

/** The header in which better-auth gets the peer's address; whatever a caller sends in it is overwritten. */
export const PEER_HEADER = "x-lormas-peer";
/** Shortest and longest new password, characters. */
export const PASSWORD_LENGTH_MIN = 12;
export const PASSWORD_LENGTH_MAX = 128;

/** Recovery codes that are made at once; each works once. */
export const RECOVERY_CODES = 10;

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
 * revoked is over at once), a second factor for who sets one up. Its tables are made or brought up to date, one coordinator at a time. The secret that signs
 * cookies and encrypts second factors lies in <data dir>/auth.secret (0600).
 */
export async function startAuthServer(options: {
  readonly databaseUrl: string;
  readonly dataDir: string;
  readonly log: Logger;
  /** Cookies travel over TLS alone; the sessions of before are over when this changes. Absent: over plain text too. */
  readonly secureCookies?: boolean;
}): Promise<AuthServer> {
  const { databaseUrl, dataDir, log, secureCookies = false } = options;
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
    return { auth: configure(pool, secret, log, secureCookies), pool, close: () => pool.end() };
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
    await makeFirstUsersSuperadmins(locker);
    // Not through betterAuth(): that would look for the tables first and report them missing.
    const { runMigrations } = await getMigrations(authOptions(pool, secret, log, false));
    await runMigrations();
    await makeRemovedSubjects(locker);
  } finally {
    await pool.end();
    await locker.end();
  }
}

/**
 * Whoever was there before there were roles was an administrator. The column is added here, in one transaction with what is put
 * into it, so that no crash leaves them without: better-auth finds it there.
 */
async function makeFirstUsersSuperadmins(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ name: string }>(
    `select column_name as name from information_schema.columns where table_schema = 'auth' and table_name = 'user'`,
  );
  if (rows.length === 0 || rows.some(({ name }) => name === "role")) return;
  await client.query("begin");
  await client.query(`alter table auth."user" add column "role" text`);
  await client.query(`update auth."user" set "role" = 'superadmin'`);
  await client.query("commit");
}

function configure(pool: pg.Pool, secret: string, log: Logger, secureCookies: boolean) {
  return betterAuth(authOptions(pool, secret, log, secureCookies));
}

function authOptions(pool: pg.Pool, secret: string, log: Logger, secureCookies: boolean) {
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
        // No default: whoever makes a user says which. Without one it grants nothing.
        role: { type: "string", required: false, input: false },
        mustChangePassword: { type: "boolean", required: true, defaultValue: false, input: false },
        // What pages are shown in; profile.ts says what is right. Empty and null: what the browser says.
        locale: { type: "string", required: false, input: false },
        timeZone: { type: "string", required: false, input: false },
      },
    },
    session: {
      expiresIn: SESSION_SECONDS,
      // Whoever stole one would else have it for as long as he uses it.
      disableSessionRefresh: true,
      cookieCache: { enabled: false },
      additionalFields: { lastUsedAt: { type: "date", required: false, input: false } },
    },
    databaseHooks: { session: { create: { after: ({ userId }) => new Sessions({ pool }).trim(userId) } } },
    // Its secrets and recovery codes are encrypted with `secret`, which is not in the database.
    plugins: [
      providerSession,
      challengeOwner,
      twoFactor({
        issuer: "Lormas",
        totpOptions: { digits: 6, period: 30 },
        backupCodeOptions: { amount: RECOVERY_CODES, storeBackupCodes: "encrypted" },
        twoFactorCookieMaxAge: CHALLENGE_SECONDS,
        // On top of sign-in-limits.ts: of an account, in PostgreSQL as well.
        accountLockout: { maxFailedAttempts: ATTEMPTS_PER_ACCOUNT, durationSeconds: WINDOW_SECONDS },
      }),
    ],
    // Its own limits do nothing outside production mode; sign-in-limits.ts holds.
    rateLimit: { enabled: false },
    // The public plane has compared Origin with Host already; behind a proxy better-auth would see another scheme.
    trustedOrigins: (request) => [request?.headers.get("origin") ?? ""].filter((origin) => origin !== ""),
    advanced: {
      cookiePrefix: "lormas",
      useSecureCookies: secureCookies,
      defaultCookieAttributes: { httpOnly: true, sameSite: "lax", path: "/" },
      ipAddress: { ipAddressHeaders: [PEER_HEADER] },
    },
    hooks: {
      after: createAuthMiddleware(async (context) => {
        if (context.path !== "/change-password" || isAPIError(context.context.returned)) return;
        const { session, newSession, internalAdapter } = context.context;
        if (session === null) return;
        // Whatever the caller says: with another password every other session is over.
        await new Sessions({ pool }).endAll(session.user.id, (newSession ?? session).session.id);
        // A crash before this only asks for one more change.
        await internalAdapter.updateUser(session.user.id, { mustChangePassword: false });
      }),
    },
    logger: {
      level: "warn",
      log: (level, message) =>
        log[level === "error" || level === "warn" ? level : "info"]({ room: "identity" }, message),
    },
  } satisfies BetterAuthOptions;
}
