import type { Command } from "commander";
import type { CliContext } from "../cli-context.ts";
import { CliFailure } from "../cli-failure.ts";
import { type ApiClient, createApiClient } from "../client/api-client.ts";
import { chooseContext } from "../client/coordinator-access.ts";
import { SessionClient } from "../client/session-client.ts";
import { exitCode } from "../exit-code.ts";
import type { ApiOptions } from "./api-command.ts";

/** Flags of whatever signs somebody in. */
export interface SignInOptions {
  readonly email?: string;
  readonly passwordStdin?: boolean;
  readonly code?: string;
  readonly insecure?: boolean;
}

/** Where to sign in. */
export interface SignInTarget {
  readonly url: string;
  readonly ca?: string | undefined;
}

/** A session that was opened, and with what. */
export interface SignedIn {
  readonly sessions: SessionClient;
  /** The cookie, "name=value". */
  readonly session: string;
  readonly email: string;
  readonly password: string;
}

/** Adds the flags of a sign-in. */
export function signInFlags(command: Command): Command {
  return command
    .option("--email <email>", "your e-mail address (default: it is asked)")
    .option("--password-stdin", "read the password from stdin instead of asking")
    .option(
      "--code <code>",
      "the second factor: a code of your app, or a recovery code (default: it is asked if needed)",
    )
    .option("--insecure", "send password and token unencrypted (http://) to another machine");
}

/**
 * Signs in with what the flags say, asking for the rest: address, password, and a second factor where the account has one.
 *
 * @param known the password, where it is known already
 */
export async function signIn(
  context: CliContext,
  target: SignInTarget,
  options: SignInOptions,
  known?: string,
): Promise<SignedIn> {
  demandPrivateWay(target.url, options);
  const otherwise = "give --email and --password-stdin, or --token-stdin";
  const piped = options.passwordStdin === true;
  if (piped && options.email === undefined) {
    throw new CliFailure(exitCode.usage, "--password-stdin needs to know whose password it is", "give --email as well");
  }
  const email = options.email ?? (await context.ask.line("E-mail", false, otherwise));
  const password =
    known ?? (piped ? await context.ask.piped("the password") : await context.ask.line("Password", true, otherwise));
  const sessions = new SessionClient(target.url, target.ca);
  const answer = await sessions.signIn(email, password);
  if (answer.kind === "session") return { sessions, session: answer.cookie, email, password };
  const code =
    options.code ?? (await context.ask.line("Code of your app, or a recovery code", false, "give it with --code"));
  return { sessions, session: await sessions.secondFactor(answer.cookie, code), email, password };
}

/** A CliFailure where a password would go to another machine for everybody on the way to read. */
export function demandPrivateWay(url: string, options: { readonly insecure?: boolean }): void {
  if (isEncryptedOrLocal(url) || options.insecure === true) return;
  throw new CliFailure(
    exitCode.refused,
    `${url} is not encrypted: whoever is on the way could read your password and token`,
    "give the https:// address, or --insecure where the way is safe",
  );
}

function isEncryptedOrLocal(url: string): boolean {
  const { protocol, hostname: host } = new URL(url);
  return protocol === "https:" || host === "localhost" || host === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(host);
}

/**
 * Calls as a person. A stored session is used as it is; where there is a token, which has no account, the person signs in for
 * this one command.
 */
export async function asPerson<T>(
  context: CliContext,
  options: ApiOptions & SignInOptions,
  work: (api: ApiClient) => Promise<T>,
): Promise<T> {
  const access = context.access(options);
  if (access.session !== undefined && options.email === undefined) return work(context.api(options));
  const { url, ca } = access;
  const { sessions, session } = await signIn(context, access, options);
  try {
    return await work(createApiClient({ url, session, ...(ca === undefined ? {} : { ca }) }));
  } finally {
    // What cannot be ended ends by itself; and the command may have been to end it.
    await sessions.signOut(session).catch(() => undefined);
  }
}

/** The session that is stored for the coordinator that is meant, with the name of its context; undefined for a token. */
export function storedSession(
  context: CliContext,
  options: ApiOptions,
): { readonly name: string; readonly secret: string; readonly email: string } | undefined {
  const name = chooseContext(options, context.env, context.contexts);
  if (name === undefined || options.tokenFile !== undefined) return undefined;
  const { contexts } = context.contexts.read();
  const credential = Object.hasOwn(contexts, name) ? contexts[name]?.credential : undefined;
  return credential?.kind === "session" ? { name, secret: credential.secret, email: credential.email } : undefined;
}

/** A new password, typed twice. */
export async function askNewPassword(context: CliContext): Promise<string> {
  const first = await context.ask.line("New password", true, "give both with --passwords-stdin");
  if (first === (await context.ask.line("New password again", true, ""))) return first;
  throw new CliFailure(exitCode.usage, "the two new passwords differ; nothing has been changed", "run it again");
}
