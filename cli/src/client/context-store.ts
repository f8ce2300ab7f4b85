import { randomBytes } from "node:crypto";
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { CliFailure } from "../cli-failure.ts";
import { exitCode } from "../exit-code.ts";

/** The context that is always there: the coordinator of the data dir, with its own token. It is not in the file. */
export const LOCAL_CONTEXT = "local";
/** Contexts that one file may hold. */
export const CONTEXTS_MAX = 100;
/** Bytes that are read of the file. */
export const CONTEXT_FILE_BYTES_MAX = 4 * 1024 * 1024;

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

/** How one signs in: with an API token, or with the session of a sign-in (a cookie, "name=value"). */
export type Credential =
  | {
      readonly kind: "token";
      readonly secret: string /** Set when login made it, so that logout revokes it. */;
      readonly madeAs?: string;
    }
  | { readonly kind: "session"; readonly secret: string; readonly email: string };

/** A coordinator, and as whom. */
export interface StoredContext {
  readonly url: string;
  readonly credential?: Credential;
  /** The only certificate authorities that are believed for it, PEM. */
  readonly ca?: string;
}

/** What is in the file. */
export interface Contexts {
  readonly current: string;
  readonly contexts: Readonly<Record<string, StoredContext>>;
}

const NONE: Contexts = { current: LOCAL_CONTEXT, contexts: {} };

/**
 * The contexts of this user: `$XDG_CONFIG_HOME/lormas/contexts.json` (~/.config when unset), 0600. A reader sees the old
 * file or the new one, never half of one; of two writers at the same time the later one wins. A CliFailure when the file
 * is damaged or others may read it.
 */
export class ContextStore {
  readonly path: string;

  constructor(env: NodeJS.ProcessEnv) {
    const config = env["XDG_CONFIG_HOME"] ?? "";
    // The specification says so: a relative path counts as none.
    const root = config.startsWith("/") ? config : join(env["HOME"] || homedir(), ".config");
    this.path = join(root, "lormas", "contexts.json");
  }

  /** Everything; without a file, no context and `local` as the current one. */
  read(): Contexts {
    let text: string;
    try {
      const { mode, size } = statSync(this.path);
      if ((mode & 0o077) !== 0 && process.platform !== "win32") {
        throw new CliFailure(
          exitCode.refused,
          `${this.path} holds tokens, and others may read or change it (mode ${(mode & 0o777).toString(8)})`,
          `chmod 600 ${this.path}; if others could read it, revoke its tokens: lormas token ls`,
        );
      }
      if (size > CONTEXT_FILE_BYTES_MAX) throw damaged(this.path, `it is larger than ${CONTEXT_FILE_BYTES_MAX} bytes`);
      text = readFileSync(this.path, "utf8");
    } catch (error) {
      if (error instanceof CliFailure) throw error;
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return NONE;
      throw unusable(this.path, "read", error);
    }
    return parse(this.path, text);
  }

  /** Writes what `change` makes of it. */
  update(change: (contexts: Contexts) => Contexts): void {
    const next = change(this.read());
    if (Object.keys(next.contexts).length > CONTEXTS_MAX) {
      throw new CliFailure(
        exitCode.conflict,
        `${this.path} holds ${CONTEXTS_MAX} contexts, as many as may be`,
        "remove one: lormas context rm NAME",
      );
    }
    const temporary = `${this.path}.${process.pid}.${randomBytes(4).toString("hex")}.tmp`;
    try {
      mkdirSync(dirname(this.path), { recursive: true, mode: 0o700 });
      const file = openSync(temporary, "wx", 0o600);
      try {
        writeFileSync(file, `${JSON.stringify({ version: 1, ...next }, null, 2)}\n`);
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      renameSync(temporary, this.path);
    } catch (error) {
      rmSync(temporary, { force: true });
      throw unusable(this.path, "written", error);
    }
  }

  /** The context of this name; a CliFailure that names those that are there when there is none. */
  get(name: string): StoredContext {
    const { contexts } = this.read();
    const found = Object.hasOwn(contexts, name) ? contexts[name] : undefined;
    if (found !== undefined) return found;
    const others = [LOCAL_CONTEXT, ...Object.keys(contexts)].join(", ");
    throw new CliFailure(
      exitCode.notFound,
      `there is no context ${JSON.stringify(name)}; there are: ${others}`,
      "choose one of them, or make it: lormas login --context NAME --url URL",
    );
  }

  /** Adds or replaces a context; with `use`, it is the current one from now on. */
  put(name: string, context: StoredContext, use: boolean): void {
    checkContextName(name);
    this.update(({ current, contexts }) => ({
      current: use ? name : current,
      contexts: { ...contexts, [name]: context },
    }));
  }
}

/** A CliFailure when a context cannot have this name. */
export function checkContextName(name: string): void {
  if (name === LOCAL_CONTEXT) {
    throw new CliFailure(
      exitCode.usage,
      `the context "${LOCAL_CONTEXT}" is always the coordinator of the data dir`,
      "choose another name: --context NAME",
    );
  }
  if (NAME.test(name)) return;
  throw new CliFailure(
    exitCode.usage,
    `${JSON.stringify(name)} cannot be a context's name`,
    "take 1 to 63 letters, digits, dots, hyphens and underscores, the first a letter or digit",
  );
}

function parse(path: string, text: string): Contexts {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw damaged(path, `it is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (!isRecord(parsed) || !isRecord(parsed["contexts"])) throw damaged(path, "it has no contexts");
  if (parsed["version"] !== 1) {
    throw damaged(path, `its version is ${JSON.stringify(parsed["version"])}, and this CLI reads version 1`);
  }
  const { current } = parsed;
  if (typeof current !== "string") throw damaged(path, "it does not say which context is the current one");
  const contexts: [string, StoredContext][] = Object.entries(parsed["contexts"]).map(([name, value]) => {
    if (!NAME.test(name) || !isContext(value)) throw damaged(path, `context ${JSON.stringify(name)} is malformed`);
    return [name, value];
  });
  return { current, contexts: Object.fromEntries(contexts) };
}

function isContext(value: unknown): value is StoredContext {
  if (!isRecord(value) || typeof value["url"] !== "string" || !URL.canParse(value["url"])) return false;
  const { credential, ca } = value;
  if (ca !== undefined && typeof ca !== "string") return false;
  if (credential === undefined) return true;
  if (!isRecord(credential) || typeof credential["secret"] !== "string") return false;
  // Anything else could not stand in a header, where it goes.
  if (!/^[\x21-\x7e]{1,4096}$/.test(credential["secret"])) return false;
  const { kind, madeAs, email } = credential;
  if (kind === "token") return madeAs === undefined || typeof madeAs === "string";
  return kind === "session" && typeof email === "string";
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function damaged(path: string, reason: string): CliFailure {
  return new CliFailure(
    exitCode.failed,
    `${path} is damaged: ${reason}`,
    `repair it, or begin anew: mv ${path} ${path}.damaged, then lormas login; until then --url or --data-dir work`,
  );
}

function unusable(path: string, what: string, error: unknown): CliFailure {
  if (error instanceof CliFailure) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new CliFailure(
    exitCode.failed,
    `${path} cannot be ${what}: ${reason}`,
    "check its folder, or name another with XDG_CONFIG_HOME",
    error,
  );
}
