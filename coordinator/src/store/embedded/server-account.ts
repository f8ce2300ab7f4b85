import { chownSync, readFileSync, statSync } from "node:fs";
import { StoreFailure } from "../store-failure.ts";
import { capturedCommand } from "./captured-command.ts";

/**
 * Under which account PostgreSQL runs: it refuses to be root, so root hands it to an unprivileged account; everybody
 * else runs it as themselves (uid null).
 */
export type ServerAccount = {
  readonly uid: number | null;
  readonly gid: number | null;
  readonly name: string;
  /** Set before a program's own command line to run it under this account. */
  readonly prefix: readonly string[];
  /** For child_process, where no `setpriv` changes the identity. */
  readonly identity: { readonly uid?: number; readonly gid?: number };
};

const PROBE_BOUND_MS = 10_000;
const SETUP_BOUND_MS = 30_000;

/**
 * Capability sets to try, the least first. Under a 0700 home the account can neither reach the programs nor its own data;
 * read-and-search over directories is enough to traverse there, and what it may write stays what it owns. The role that
 * Lormas uses inside PostgreSQL is no superuser, so that SQL cannot turn this into reading files.
 */
const CAPABILITIES = ["", "dac_read_search", "dac_override"] as const;

/** Picks the account: the owner of existing data, else `postgres` (made when absent), else `nobody`. */
export async function chooseAccount(existingData: string | null): Promise<ServerAccount> {
  if (process.getuid?.() !== 0) return { uid: null, gid: null, name: "the current user", prefix: [], identity: {} };
  const owner = existingData === null ? 0 : statSync(existingData).uid;
  if (owner !== 0) {
    const found = passwdEntry((entry) => entry.uid === owner);
    if (found !== null) return under(found, "");
    const message = `Embedded PostgreSQL: ${existingData} belongs to uid ${owner}, which has no account here; give the directory to an existing unprivileged account (chown -R), or set DATABASE_URL.`;
    throw new StoreFailure("user_missing", message);
  }
  const existing = passwdEntry((entry) => entry.name === "postgres" && entry.uid !== 0);
  if (existing !== null) return under(existing, "");
  const useradd = ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"];
  const made = [
    [...useradd, "--shell", "/usr/sbin/nologin", "postgres"],
    ["adduser", "-S", "-D", "-H", "-s", "/sbin/nologin", "postgres"],
  ];
  for (const command of made) {
    await capturedCommand(command, SETUP_BOUND_MS);
    const entry = passwdEntry(({ name, uid }) => name === "postgres" && uid !== 0);
    if (entry !== null) return under(entry, "");
  }
  const nobody = passwdEntry(({ name, uid }) => name === "nobody" && uid !== 0);
  if (nobody !== null) return under(nobody, "");
  const message =
    "Embedded PostgreSQL: it cannot run as root, and there is neither an account `postgres` nor a way to make one; add one (useradd --system postgres), run Lormas as another user, or set DATABASE_URL.";
  throw new StoreFailure("user_missing", message);
}

/**
 * The account with the least capability under which the program runs and the directory can be entered and written, and
 * what the program calls its version. Throws StoreFailure `unreadable` when none does.
 */
export async function accountThatReaches(
  account: ServerAccount,
  program: string,
  directory: string,
): Promise<{ account: ServerAccount; version: string }> {
  const script = 'cd "$2" && test -w . && test -x . && exec "$1" --version';
  const candidates = (account.uid === null ? [""] : CAPABILITIES).map((capability) => under(account, capability));
  candidates.push(bare(account));
  let last = "";
  for (const candidate of candidates) {
    const argv = [...candidate.prefix, "/bin/sh", "-c", script, "sh", program, directory];
    const outcome = await capturedCommand(argv, PROBE_BOUND_MS, candidate.identity);
    if (outcome.ok) return { account: candidate, version: outcome.output };
    if (last === "") last = outcome.output.trim().slice(-500);
  }
  const message = `Embedded PostgreSQL: ${account.name} cannot run ${program} or write ${directory} (${last}); move both to where that account may go, or set DATABASE_URL.`;
  throw new StoreFailure("unreadable", message);
}

/** Gives a file or directory to the account. */
export function giveTo(account: ServerAccount, path: string): void {
  if (account.uid !== null && account.gid !== null) chownSync(path, account.uid, account.gid);
}

type Account = { readonly uid: number | null; readonly gid: number | null; readonly name: string };

/**
 * `--pdeathsig` comes into force after the change of identity, which would clear it: a SIGKILLed parent takes the server
 * with it. The signal is tied to the thread that started it, so the launcher must run on a thread that lives as long as
 * the server (the main one).
 */
function under(account: Account, capability: string): ServerAccount {
  if (process.platform !== "linux") return bare(account);
  const { uid, gid, name } = account;
  const prefix = ["setpriv", "--pdeathsig", "INT", "--no-new-privs"];
  if (uid !== null) prefix.push("--reuid", String(uid), "--regid", String(gid), "--clear-groups");
  if (capability !== "") {
    // Without this bit access(2), by which PostgreSQL looks for its own programs, ignores the capability. It also keeps
    // the change of identity from dropping capabilities; the exec drops all but this one.
    prefix.push("--securebits", "+no_setuid_fixup");
    prefix.push("--inh-caps", `+${capability}`, "--ambient-caps", `+${capability}`);
  }
  return { uid, gid, name, prefix, identity: {} };
}

/** Without `setpriv`: no signal on the parent's death; the parent watch alone ends the server then. */
function bare({ uid, gid, name }: Account): ServerAccount {
  return { uid, gid, name, prefix: [], identity: uid === null || gid === null ? {} : { uid, gid } };
}

function passwdEntry(
  wanted: (entry: { name: string; uid: number }) => boolean,
): { uid: number; gid: number; name: string } | null {
  for (const line of readFileSync("/etc/passwd", "utf8").split("\n")) {
    const [name = "", , uid = "", gid = ""] = line.split(":");
    if (uid === "" || gid === "") continue;
    const entry = { name, uid: Number(uid), gid: Number(gid) };
    if (wanted(entry)) return entry;
  }
  return null;
}
