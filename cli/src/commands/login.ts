import { hostname } from "node:os";
import { Code, ConnectError } from "@connectrpc/connect";
import type { WhoAmIResponse } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import type { Command } from "commander";
import type { CliContext } from "../cli-context.ts";
import { CliFailure } from "../cli-failure.ts";
import { createApiClient } from "../client/api-client.ts";
import { apiFailure, errorDetailOf } from "../client/api-failure.ts";
import { readCertificates } from "../client/certificate-file.ts";
import { type Credential, checkContextName, LOCAL_CONTEXT, type StoredContext } from "../client/context-store.ts";
import { checkToken, chooseContext, localUrl, parseUrl } from "../client/coordinator-access.ts";
import { SessionClient } from "../client/session-client.ts";
import { exitCode } from "../exit-code.ts";
import { durationSeconds } from "../output/quantity.ts";
import { caFileOption, contextOption, urlOption } from "./api-command.ts";
import { askNewPassword, demandPrivateWay, type SignInOptions, signIn, signInFlags } from "./sign-in.ts";

const LIFETIME_DEFAULT_S = 90 * 86_400;

interface LoginOptions extends SignInOptions {
  readonly url?: string;
  readonly context?: string;
  readonly caFile?: string;
  readonly tokenStdin?: boolean;
  readonly lifetime: number;
}

/** Where to sign in, and what is known of it. */
interface Target {
  readonly name: string;
  readonly url: string;
  readonly ca: string | undefined;
  readonly before: StoredContext | undefined;
}

/** `lormas login` and `lormas logout`. */
export function addLoginCommands(program: Command, context: CliContext): void {
  const login = program
    .command("login")
    .description("sign in to a coordinator, and keep that as the current context; no secret is ever printed")
    .addOption(urlOption())
    .addOption(contextOption())
    .addOption(caFileOption());
  signInFlags(login)
    .option("--token-stdin", "take an API token from stdin instead of making one with a password")
    .option(
      "--lifetime <time>",
      "the token ends after this long (2h, 90d; default: 90d)",
      durationSeconds,
      LIFETIME_DEFAULT_S,
    )
    .addHelpText("after", "\nExample:\n  lormas login --url https://lormas.example.org --ca-file ca.pem\n")
    .action(async (options: LoginOptions) => {
      if (options.tokenStdin === true && (options.passwordStdin === true || options.email !== undefined)) {
        throw new CliFailure(exitCode.usage, "--token-stdin takes neither e-mail nor password", "leave them out");
      }
      const target = targetOf(context, options);
      demandPrivateWay(target.url, options);
      const { credential, me } =
        options.tokenStdin === true ? await byToken(context, target) : await byPassword(context, target, options);
      const { name, url, ca } = target;
      context.contexts.put(name, { url, credential, ...(ca === undefined ? {} : { ca }) }, true);
      context.print(`Signed in to ${url} as ${me.name} (${me.role}); ${name} is the current context.`);
      if (credential.kind === "session") {
        context.warn(
          `A ${me.role} cannot make API tokens, so the session is kept, for 7 days: then lormas login again.`,
        );
      }
      await replaced(context, target, credential);
    });
  program
    .command("logout")
    .description("end what lormas login made, at the coordinator and here; a token that was given is only forgotten")
    .addOption(contextOption())
    .option("--forget", "only forget it here, where the coordinator does not answer; it stays valid")
    .addHelpText("after", "\nExample:\n  lormas logout --context production\n")
    .action(async (options: { context?: string; forget?: boolean }) => logout(context, options));
}

function targetOf(context: CliContext, options: LoginOptions): Target {
  const { contexts } = context.contexts.read();
  // Both may be given here: a new context, and where it is.
  const named = options.context ?? chooseContext({ url: options.url }, context.env, context.contexts);
  const before = named !== undefined && Object.hasOwn(contexts, named) ? contexts[named] : undefined;
  const text = options.url ?? before?.url ?? (context.env["LORMAS_URL"] || localUrl(context.dataDir({})));
  if (text === undefined || (options.context !== undefined && options.url === undefined && before === undefined)) {
    throw new CliFailure(
      exitCode.usage,
      options.context === undefined
        ? "no coordinator is known to sign in to"
        : `there is no context ${options.context}`,
      "name it: lormas login --url https://HOST",
    );
  }
  const url = parseUrl(text);
  const name = named === undefined || named === LOCAL_CONTEXT ? nameOf(url) : named;
  checkContextName(name);
  const known = Object.hasOwn(contexts, name) && contexts[name]?.url === url ? contexts[name] : undefined;
  const caFile = options.caFile ?? (context.env["LORMAS_CA_FILE"] || undefined);
  return { name, url, ca: caFile === undefined ? known?.ca : readCertificates(caFile), before: known };
}

/** A context's name where none is given: the coordinator's host, and its port where it has one. */
function nameOf(url: string): string {
  const name = new URL(url).host.replaceAll(/[^A-Za-z0-9.-]+/g, "-").replace(/^[^A-Za-z0-9]+/, "");
  return name.slice(0, 63) || "coordinator";
}

type KeptSignIn = { readonly credential: Credential; readonly me: WhoAmIResponse };

async function byToken(context: CliContext, { url, ca }: Target): Promise<KeptSignIn> {
  const secret = checkToken((await context.ask.piped("the token")).trim(), "stdin");
  const me = await ask(url, () =>
    createApiClient({ url, token: secret, ...(ca === undefined ? {} : { ca }) }).access.whoAmI({}),
  );
  return { credential: { kind: "token", secret }, me };
}

async function byPassword(context: CliContext, { url, ca }: Target, options: LoginOptions): Promise<KeptSignIn> {
  const { sessions, session: opened, password } = await signIn(context, { url, ca }, options);
  let session = opened;
  const client = () => createApiClient({ url, session, ...(ca === undefined ? {} : { ca }) }).access;
  let me: WhoAmIResponse;
  try {
    me = await client().whoAmI({});
  } catch (error) {
    // A first password must be changed before anything else.
    if (errorDetailOf(error)?.code !== "password_change_required") throw apiFailure(error, url);
    session = await sessions.changePassword(
      session,
      password,
      await newPassword(context, url, options.passwordStdin === true),
    );
    me = await ask(url, () => client().whoAmI({}));
  }
  if (me.secondFactorDemandedBy.length > 0) {
    const roles = me.secondFactorDemandedBy.join(", ");
    context.warn(`The role ${roles} demands a second factor before anything else: lormas auth two-factor on`);
  }
  const name = tokenName(context);
  try {
    const { secret } = await client().createToken({ name, role: me.role, lifetimeSeconds: options.lifetime });
    // The token stands for it from now on; a session that cannot be ended ends by itself.
    await sessions.signOut(session).catch(() => undefined);
    return { credential: { kind: "token", secret, madeAs: name }, me };
  } catch (error) {
    if (ConnectError.from(error).code !== Code.PermissionDenied) throw apiFailure(error, url);
    return { credential: { kind: "session", secret: session, email: me.name }, me };
  }
}

async function newPassword(context: CliContext, url: string, piped: boolean): Promise<string> {
  if (piped) {
    throw new CliFailure(
      exitCode.refused,
      "this is a first password, which must be changed before anything else",
      `change it at ${url} in a browser, or run lormas login without --password-stdin`,
    );
  }
  context.warn("This is a first password: choose your own, of 12 to 128 characters.");
  return askNewPassword(context);
}

/** "cli-HOST-1f2e3d4c": unique, and it says on which machine it is. */
function tokenName(context: CliContext): string {
  const host = hostname()
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-+|-+$/g, "")
    .slice(0, 40);
  return ["cli", host, context.randomHex(4)].filter(Boolean).join("-").replaceAll(/-+/g, "-");
}

/** Revokes the token that an earlier login of this context made: nobody could use it any more. */
async function replaced(context: CliContext, { url, ca, before }: Target, now: Credential): Promise<void> {
  if (before?.credential?.kind !== "token" || before.credential.madeAs === undefined) return;
  const { madeAs, secret } = before.credential;
  if (now.kind === "token" && now.secret === secret) return;
  const pin = ca === undefined ? {} : { ca };
  try {
    await createApiClient({ url, token: secret, ...pin }).access.revokeToken({ name: madeAs });
  } catch (error) {
    const { code } = ConnectError.from(error);
    if (code === Code.Unauthenticated || code === Code.NotFound) return; // It has ended already.
    context.warn(`warning: the token of the login before, ${madeAs}, is still valid: lormas token revoke ${madeAs}`);
  }
}

async function logout(context: CliContext, options: { context?: string; forget?: boolean }): Promise<void> {
  const name = chooseContext({ context: options.context }, context.env, context.contexts);
  if (name === undefined || name === LOCAL_CONTEXT) {
    throw new CliFailure(
      exitCode.usage,
      "the local coordinator's token belongs to its data dir, not to a login",
      "name a context: lormas logout --context NAME; lormas context ls shows them",
    );
  }
  const { url, credential, ca } = context.contexts.get(name);
  if (credential === undefined) return context.print(`Nobody is signed in to ${url} (context ${name}).`);
  if (options.forget !== true) await end(url, credential, ca);
  context.contexts.put(name, { url, ...(ca === undefined ? {} : { ca }) }, false);
  const kept = options.forget === true || (credential.kind === "token" && credential.madeAs === undefined);
  context.print(`Signed out of ${url}${kept ? "; what was kept here is forgotten, and stays valid" : ""}.`);
}

async function end(url: string, credential: Credential, ca: string | undefined): Promise<void> {
  try {
    if (credential.kind === "session") await new SessionClient(url, ca).signOut(credential.secret);
    else if (credential.madeAs !== undefined) {
      const api = createApiClient({ url, token: credential.secret, ...(ca === undefined ? {} : { ca }) });
      await api.access.revokeToken({ name: credential.madeAs });
    }
  } catch (error) {
    const failure = apiFailure(error, url);
    const { code } = ConnectError.from(failure.cause ?? error);
    // What is not valid any more needs no ending.
    if (code === Code.Unauthenticated || code === Code.NotFound) return;
    throw new CliFailure(
      failure.code,
      `the sign-in at ${url} could not be ended: ${failure.message}`,
      "try again, or forget it here alone: lormas logout --forget",
      error,
    );
  }
}

async function ask<T>(url: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw apiFailure(error, url);
  }
}
