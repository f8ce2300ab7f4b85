import { create } from "@bufbuild/protobuf";
import {
  EndOtherSessionsResponseSchema,
  ListOwnSessionsResponseSchema,
  ListTokensResponseSchema,
  type Session,
  type User,
  UserSchema,
} from "@lormas/gen/lormas/api/v1/services_pb.ts";
import type { Command } from "commander";
import type { CliContext } from "../cli-context.ts";
import { CliFailure } from "../cli-failure.ts";
import { SessionClient } from "../client/session-client.ts";
import { exitCode } from "../exit-code.ts";
import { jsonText } from "../output/json-output.ts";
import { type Column, factLines, tableLines } from "../output/table.ts";
import { timeText } from "../output/wording.ts";
import { type ApiOptions, apiCommand } from "./api-command.ts";
import {
  askNewPassword,
  asPerson,
  demandPrivateWay,
  type SignInOptions,
  signIn,
  signInFlags,
  storedSession,
} from "./sign-in.ts";
import { tokenColumns } from "./token.ts";

type PersonOptions = ApiOptions & SignInOptions;

/** The columns of sessions. */
export const sessionColumns: Column<Session>[] = [
  { title: "ID", value: (session) => session.id },
  { title: "MADE", value: (session) => timeText(session.createdAt) },
  { title: "LAST USED", value: (session) => timeText(session.lastUsedAt) },
  { title: "ENDS", value: (session) => timeText(session.expiresAt) },
  { title: "FROM", value: (session) => session.address },
  { title: "PROGRAM", value: (session) => session.userAgent },
  { title: "", value: (session) => (session.current ? "this one" : "") },
];

/** `lormas auth sessions`, `end-session`, `tokens`, `revoke-token`, `profile` and `password`. */
export function addOwnAccountCommands(group: Command, context: CliContext): void {
  const person = (usage: string, description: string, example: string): Command =>
    signInFlags(apiCommand(group, usage, description, example));
  person("sessions", "list where you are signed in", "lormas auth sessions").action(async (options: PersonOptions) => {
    const answer = await asPerson(context, options, (api) => api.access.listOwnSessions({}));
    if (options.output === "json") return context.print(jsonText(ListOwnSessionsResponseSchema, answer, true));
    for (const line of tableLines(sessionColumns, answer.sessions, context.columns())) context.print(line);
  });
  person("end-session [id]", "sign out one of your sessions, or all others", "lormas auth end-session --others")
    .option("--others", "all but the one that asks")
    .action(async (id: string | undefined, options: PersonOptions & { others?: boolean }) => {
      if ((id === undefined) === (options.others !== true)) {
        throw new CliFailure(exitCode.usage, "name one session, or give --others", "list them: lormas auth sessions");
      }
      if (id !== undefined) {
        await asPerson(context, options, (api) => api.access.endOwnSession({ id }));
        return context.print(options.output === "json" ? "{}" : `session ${id} is ended`);
      }
      const answer = await asPerson(context, options, (api) => api.access.endOtherSessions({}));
      if (options.output === "json") context.print(jsonText(EndOtherSessionsResponseSchema, answer, true));
      else context.print(`${answer.ended} ${answer.ended === 1 ? "session" : "sessions"} ended`);
    });
  apiCommand(group, "tokens", "list the API tokens that you made", "lormas auth tokens").action(
    async (options: ApiOptions) => {
      const { tokens } = await context.api(options).access.listOwnTokens({});
      if (options.output === "json") {
        return context.print(jsonText(ListTokensResponseSchema, create(ListTokensResponseSchema, { tokens }), true));
      }
      for (const line of tableLines(tokenColumns, tokens, context.columns())) context.print(line);
    },
  );
  apiCommand(group, "revoke-token <name>", "end an API token that you made", "lormas auth revoke-token ci").action(
    async (name: string, options: ApiOptions) => {
      await context.api(options).access.revokeOwnToken({ name });
      context.print(options.output === "json" ? "{}" : `${name} is revoked`);
    },
  );
  person(
    "profile",
    "show your account, and change what is given of it",
    "lormas auth profile --time-zone Europe/Zurich",
  )
    .option("--name <name>", "what people call you")
    .option("--locale <tag>", 'language, numbers and dates, such as "de-CH"; "" for the browser\'s')
    .option("--time-zone <zone>", 'such as "Europe/Zurich"; "" for the browser\'s')
    .action(async (options: PersonOptions & { name?: string; locale?: string; timeZone?: string }) => {
      const { name, locale, timeZone } = options;
      const wish = {
        ...(name === undefined ? {} : { name }),
        ...(locale === undefined ? {} : { locale }),
        ...(timeZone === undefined ? {} : { timeZone }),
      };
      const { user } = await asPerson<{ readonly user?: User | undefined }>(context, options, (api) =>
        Object.keys(wish).length === 0 ? api.access.getProfile({}) : api.access.updateProfile(wish),
      );
      if (user === undefined) throw new CliFailure(exitCode.failed, "the coordinator showed no account", "");
      if (options.output === "json") context.print(jsonText(UserSchema, user, true));
      else for (const line of factLines(profileFacts(user))) context.print(line);
    });
  person("password", "change your password; your other sessions end", "lormas auth password")
    .option("--passwords-stdin", "read two lines from stdin: the password as it is, and the new one")
    .action(async (options: PersonOptions & { passwordsStdin?: boolean }) => changePassword(context, options));
}

function profileFacts(user: User): [string, string][] {
  return [
    ["E-mail", user.email],
    ["Name", user.name],
    ["Role", user.role || "none"],
    ["Second factor", user.twoFactorEnabled ? "codes of an app" : "none"],
    ["Language", user.locale || "the browser's"],
    ["Time zone", user.timeZone || "the browser's"],
    ["Made", timeText(user.createdAt)],
    ["Sessions", String(user.sessionCount)],
  ];
}

async function changePassword(
  context: CliContext,
  options: PersonOptions & { readonly passwordsStdin?: boolean },
): Promise<void> {
  const access = context.access(options);
  demandPrivateWay(access.url, options);
  const stored = options.email === undefined ? storedSession(context, options) : undefined;
  const given = options.passwordsStdin === true ? await pipedPasswords(context) : undefined;
  if (stored !== undefined) {
    const current = given?.current ?? (await context.ask.line("Password", true, "give both with --passwords-stdin"));
    const wanted = given?.wanted ?? (await askNewPassword(context));
    const secret = await new SessionClient(access.url, access.ca).changePassword(stored.secret, current, wanted);
    const { url, ca } = context.contexts.get(stored.name);
    const credential = { kind: "session", secret, email: stored.email } as const;
    context.contexts.put(stored.name, { url, credential, ...(ca === undefined ? {} : { ca }) }, false);
  } else {
    const { sessions, session, password } = await signIn(context, access, options, given?.current);
    const wanted = given?.wanted ?? (await askNewPassword(context));
    await sessions.signOut(await sessions.changePassword(session, password, wanted)).catch(() => undefined);
  }
  context.print("The password is changed; your other sessions are over.");
}

async function pipedPasswords(context: CliContext): Promise<{ readonly current: string; readonly wanted: string }> {
  const [current = "", wanted = "", ...more] = (await context.ask.piped("the passwords")).split(/\r?\n/);
  if (current !== "" && wanted !== "" && more.length === 0) return { current, wanted };
  throw new CliFailure(
    exitCode.usage,
    "--passwords-stdin takes two lines: the password as it is, and the new one",
    "pipe in both",
  );
}
