import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { CliFailure } from "../cli-failure.ts";
import { exitCode } from "../exit-code.ts";
import { DataDir, readJsonFile } from "../up/data-dir.ts";
import { readCertificates } from "./certificate-file.ts";
import { type ContextStore, LOCAL_CONTEXT } from "./context-store.ts";

/** Flags that say which coordinator is meant. A flag wins over the environment, that over what is stored. */
export interface AccessFlags {
  readonly url?: string | undefined;
  readonly context?: string | undefined;
  readonly tokenFile?: string | undefined;
  readonly caFile?: string | undefined;
  readonly dataDir?: string | undefined;
}

/** Where the coordinator is and how to sign in: with a token, or with the cookie of a session. */
export interface CoordinatorAccess {
  readonly url: string;
  readonly token?: string;
  /** "name=value". */
  readonly session?: string;
  /** The only certificate authorities that are believed, PEM; absent: those of the machine. */
  readonly ca?: string;
}

/** The data dir that flags and environment name; by default `.lormas` in the repository. */
export function chooseDataDir(flags: AccessFlags, env: NodeJS.ProcessEnv, repository: string): DataDir {
  const named = flags.dataDir ?? nonEmpty(env["LORMAS_DATA_DIR"]);
  return new DataDir(named === undefined ? join(repository, ".lormas") : resolve(named));
}

/**
 * The context that flags, environment and file name, `local` for the data dir's coordinator; undefined when a URL is
 * given instead. A data dir that is named wins over the current context of the file.
 */
export function chooseContext(flags: AccessFlags, env: NodeJS.ProcessEnv, contexts: ContextStore): string | undefined {
  if (flags.context !== undefined) {
    if (flags.url === undefined) return flags.context;
    throw new CliFailure(exitCode.usage, "--context and --url each name a coordinator", "leave one of them out");
  }
  if (flags.url !== undefined) return undefined;
  if (flags.dataDir !== undefined) return nonEmpty(env["LORMAS_URL"]) === undefined ? LOCAL_CONTEXT : undefined;
  if (nonEmpty(env["LORMAS_URL"]) !== undefined) return undefined;
  return (
    nonEmpty(env["LORMAS_CONTEXT"]) ??
    (nonEmpty(env["LORMAS_DATA_DIR"]) === undefined ? contexts.read().current : LOCAL_CONTEXT)
  );
}

/**
 * Finds the coordinator. The token of the data dir goes to that data dir's coordinator alone, that of a context to the
 * context's URL alone. A CliFailure when something is missing.
 */
export function findCoordinator(
  flags: AccessFlags,
  env: NodeJS.ProcessEnv,
  dataDir: DataDir,
  contexts: ContextStore,
): CoordinatorAccess {
  const context = chooseContext(flags, env, contexts);
  let ca = givenCertificates(flags, env);
  if (context !== undefined && context !== LOCAL_CONTEXT) return ofContext(context, flags, env, contexts, ca);
  const local = localUrl(dataDir);
  const url = context === undefined ? (flags.url ?? nonEmpty(env["LORMAS_URL"])) : local;
  if (url === undefined) {
    throw new CliFailure(
      exitCode.unavailable,
      `no coordinator is known: ${dataDir.coordinatorRecord} is not there, and LORMAS_URL is not set`,
      "start a local fleet with npm start, or name a coordinator with --url, or sign in to one: lormas login --url URL",
    );
  }
  const parsed = parseUrl(url);
  const caFile = local !== undefined && parseUrl(local) === parsed ? localCaFile(dataDir) : undefined;
  if (ca.ca === undefined && caFile !== undefined) ca = { ca: readCertificates(caFile) };
  const given = givenToken(flags, env);
  if (given !== undefined) return { url: parsed, token: given, ...ca };
  if (local === undefined || parseUrl(local) !== parsed) {
    throw new CliFailure(
      exitCode.refused,
      `no token for ${parsed}`,
      `set LORMAS_TOKEN or LORMAS_TOKEN_FILE, or give --token-file, or sign in: lormas login --url ${parsed}`,
    );
  }
  return { url: parsed, token: readToken(dataDir.adminToken), ...ca };
}

/** A context's own token comes before one of the environment, which may be meant for another coordinator. */
function ofContext(
  name: string,
  flags: AccessFlags,
  env: NodeJS.ProcessEnv,
  contexts: ContextStore,
  ca: { readonly ca?: string },
): CoordinatorAccess {
  const { url, credential, ca: storedCa } = contexts.get(name);
  const target = { url: parseUrl(url), ...(storedCa === undefined ? {} : { ca: storedCa }), ...ca };
  if (flags.tokenFile !== undefined) return { ...target, token: readToken(flags.tokenFile) };
  if (credential?.kind === "token") return { ...target, token: credential.secret };
  if (credential?.kind === "session") return { ...target, session: credential.secret };
  const given = givenToken(flags, env);
  if (given !== undefined) return { ...target, token: given };
  throw new CliFailure(
    exitCode.refused,
    `nobody is signed in to ${target.url} (context ${name})`,
    `lormas login --context ${name}`,
  );
}

function givenCertificates(flags: AccessFlags, env: NodeJS.ProcessEnv): { readonly ca?: string } {
  const file = flags.caFile ?? nonEmpty(env["LORMAS_CA_FILE"]);
  return file === undefined ? {} : { ca: readCertificates(file) };
}

/** Where the data dir's coordinator is; undefined when none has said so. */
export function localUrl(dataDir: DataDir): string | undefined {
  const record = readJsonFile(dataDir.coordinatorRecord);
  if (typeof record !== "object" || record === null || !("httpUrl" in record)) return undefined;
  return typeof record.httpUrl === "string" ? record.httpUrl : undefined;
}

/** The authority that vouches for the data dir's coordinator, where its certificate is one of the fleet's own. */
function localCaFile(dataDir: DataDir): string | undefined {
  const record = readJsonFile(dataDir.coordinatorRecord);
  if (typeof record !== "object" || record === null || !("caFile" in record)) return undefined;
  return typeof record.caFile === "string" ? record.caFile : undefined;
}

function givenToken(flags: AccessFlags, env: NodeJS.ProcessEnv): string | undefined {
  if (flags.tokenFile !== undefined) return readToken(flags.tokenFile);
  const token = nonEmpty(env["LORMAS_TOKEN"]);
  if (token !== undefined) return checkToken(token, "LORMAS_TOKEN");
  const file = nonEmpty(env["LORMAS_TOKEN_FILE"]);
  return file === undefined ? undefined : readToken(file);
}

/** The address of a coordinator without what does not belong to it; a CliFailure when it is none. */
export function parseUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw new CliFailure(
      exitCode.usage,
      `${JSON.stringify(text)} is not the address of a coordinator`,
      "give it like http://127.0.0.1:8080",
    );
  }
  return url.origin + url.pathname.replace(/\/+$/, "");
}

function readToken(path: string): string {
  try {
    return checkToken(readFileSync(path, "utf8").trim(), path);
  } catch (error) {
    if (error instanceof CliFailure) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new CliFailure(exitCode.refused, `the token cannot be read: ${reason}`, `check ${path}`, error);
  }
}

/** The token itself; a CliFailure that names its source when it is none. */
export function checkToken(token: string, source: string): string {
  if (/^[\x21-\x7e]{1,4096}$/.test(token)) return token;
  throw new CliFailure(
    exitCode.usage,
    `${source} does not hold a token: it must be one line of 1 to 4,096 printable characters`,
    "copy the token again",
  );
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === undefined || text === "" ? undefined : text;
}
