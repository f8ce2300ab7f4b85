import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { reasonOf, StoreFailure } from "../store-failure.ts";
import { capturedCommand } from "./captured-command.ts";
import { giveTo, type ServerAccount } from "./server-account.ts";

/** What lies in the embedded server's directory. Only `data` belongs to the server's account. */
export type ServerFiles = {
  readonly root: string;
  readonly data: string;
  readonly credentials: string;
  readonly launcher: string;
};

/** Passwords of the two roles, and the port of the last start. */
export type Credentials = {
  readonly superuserPassword: string;
  readonly password: string;
  readonly port: number | null;
  /** Whether the role and the database of Lormas have been made. */
  readonly prepared: boolean;
};

export const SUPERUSER = "postgres";
/** No superuser: what SQL can do stays inside its database. */
export const ROLE = "lormas";
export const DATABASE = "lormas";

const INITDB_BOUND_MS = 120_000;

export function serverFiles(root: string): ServerFiles {
  return {
    root,
    data: join(root, "data"),
    credentials: join(root, "credentials.json"),
    launcher: join(root, "launcher.json"),
  };
}

/** The credentials of data that exists. Throws StoreFailure `unreadable` when the file is missing or damaged. */
export function readCredentials(files: ServerFiles): Credentials {
  try {
    return JSON.parse(readFileSync(files.credentials, "utf8")) as Credentials;
  } catch (cause) {
    const message = `Embedded PostgreSQL: ${files.credentials} is missing or damaged (${reasonOf(cause)}); restore it from a backup, without it ${files.data} cannot be opened.`;
    throw new StoreFailure("unreadable", message, { cause });
  }
}

/** Replaces a file as a whole, readable by its owner only. */
export function writePrivateJson(file: string, value: unknown): void {
  const draft = `${file}.new`;
  writeFileSync(draft, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600, flush: true });
  renameSync(draft, file);
}

/** An empty directory of the account's, where the data is made before it moves to its place. */
export function makeDraft(files: ServerFiles, account: ServerAccount): string {
  const draft = join(files.root, "data.new");
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { mode: 0o700 });
  chmodSync(draft, 0o700);
  giveTo(account, draft);
  return draft;
}

/**
 * Makes the data directory by initdb, beside its place, and moves it there when it is whole, so that a crash half-way
 * leaves nothing that looks finished. Throws StoreFailure `disk_full` or `start_failed`.
 */
export async function createData(
  files: ServerFiles,
  account: ServerAccount,
  initdb: string,
  options: { readonly durable: boolean },
): Promise<Credentials> {
  const draft = makeDraft(files, account);
  const passwordFile = join(files.root, "password.new");
  rmSync(passwordFile, { force: true });
  const credentials: Credentials = {
    superuserPassword: randomBytes(24).toString("base64url"),
    password: randomBytes(24).toString("base64url"),
    port: null,
    prepared: false,
  };
  try {
    writeFileSync(passwordFile, `${credentials.superuserPassword}\n`, { mode: 0o600 });
    giveTo(account, passwordFile);
    const argv = [...account.prefix, initdb, "-D", draft, "-U", SUPERUSER, "-A", "scram-sha-256"];
    argv.push(`--pwfile=${passwordFile}`, "-E", "UTF8", "--locale=C");
    argv.push("--locale-provider=builtin", "--builtin-locale=C.UTF-8", ...(options.durable ? [] : ["--no-sync"]));
    const outcome = await capturedCommand(argv, INITDB_BOUND_MS, account.identity);
    if (!outcome.ok) {
      const full = /No space left on device|Disk quota exceeded/.test(outcome.output);
      const reason = full ? `the disk of ${files.root} is full; make room` : outcome.output.trim().slice(-1_000);
      const message = `Embedded PostgreSQL: its data cannot be made in ${files.data}: ${reason}. Then start again, or set DATABASE_URL.`;
      throw new StoreFailure(full ? "disk_full" : "start_failed", message);
    }
    writePrivateJson(files.credentials, credentials);
    renameSync(draft, files.data);
  } finally {
    rmSync(passwordFile, { force: true });
    rmSync(draft, { recursive: true, force: true });
  }
  return credentials;
}

/** Throws StoreFailure `wrong_version` when the data was made by another major version than the programs'. */
export function checkDataVersion(files: ServerFiles, versionLine: string): void {
  const made = readFileSync(join(files.data, "PG_VERSION"), "utf8").trim();
  const major = /\(PostgreSQL\) (\d+)/.exec(versionLine)?.[1];
  if (major === undefined || major === made) return;
  const message = `Embedded PostgreSQL: ${files.data} was made by PostgreSQL ${made}, this is ${major}; dump it with the old release and restore it with this one.`;
  throw new StoreFailure("wrong_version", message);
}
