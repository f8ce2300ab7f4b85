import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { CliFailure } from "../cli-failure.ts";
import { exitCode } from "../exit-code.ts";
import { DataDir, readJsonFile } from "../up/data-dir.ts";

/** Flags that say which coordinator is meant. A flag wins over the environment, that over the data dir. */
export interface AccessFlags {
  readonly url?: string | undefined;
  readonly tokenFile?: string | undefined;
  readonly dataDir?: string | undefined;
}

/** Where the coordinator is and how to sign in. */
export interface CoordinatorAccess {
  readonly url: string;
  readonly token: string;
}

/** The data dir that flags and environment name; by default `.lormas` in the repository. */
export function chooseDataDir(flags: AccessFlags, env: NodeJS.ProcessEnv, repository: string): DataDir {
  const named = flags.dataDir ?? nonEmpty(env["LORMAS_DATA_DIR"]);
  return new DataDir(named === undefined ? join(repository, ".lormas") : resolve(named));
}

/**
 * Finds the coordinator. The token of the data dir goes to that data dir's coordinator alone, never to another URL.
 * A CliFailure when something is missing.
 */
export function findCoordinator(flags: AccessFlags, env: NodeJS.ProcessEnv, dataDir: DataDir): CoordinatorAccess {
  const local = localUrl(dataDir);
  const url = flags.url ?? nonEmpty(env["LORMAS_URL"]) ?? local;
  if (url === undefined) {
    throw new CliFailure(
      exitCode.unavailable,
      `no coordinator is known: ${dataDir.coordinatorRecord} is not there, and LORMAS_URL is not set`,
      "start a local fleet with npm start, or name a coordinator with --url",
    );
  }
  const parsed = parseUrl(url);
  const given = givenToken(flags, env);
  if (given !== undefined) return { url: parsed, token: given };
  if (local === undefined || parseUrl(local) !== parsed) {
    throw new CliFailure(
      exitCode.refused,
      `no token for ${parsed}`,
      "set LORMAS_TOKEN or LORMAS_TOKEN_FILE, or give --token-file",
    );
  }
  return { url: parsed, token: readToken(dataDir.adminToken) };
}

function localUrl(dataDir: DataDir): string | undefined {
  const record = readJsonFile(dataDir.coordinatorRecord);
  if (typeof record !== "object" || record === null || !("httpUrl" in record)) return undefined;
  return typeof record.httpUrl === "string" ? record.httpUrl : undefined;
}

function givenToken(flags: AccessFlags, env: NodeJS.ProcessEnv): string | undefined {
  if (flags.tokenFile !== undefined) return readToken(flags.tokenFile);
  const token = nonEmpty(env["LORMAS_TOKEN"]);
  if (token !== undefined) return checkToken(token, "LORMAS_TOKEN");
  const file = nonEmpty(env["LORMAS_TOKEN_FILE"]);
  return file === undefined ? undefined : readToken(file);
}

function parseUrl(text: string): string {
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

function checkToken(token: string, source: string): string {
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
