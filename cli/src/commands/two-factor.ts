import type { Command } from "commander";
import type { CliContext } from "../cli-context.ts";
import { CliFailure } from "../cli-failure.ts";
import { exitCode } from "../exit-code.ts";
import { type ApiOptions, apiCommand } from "./api-command.ts";
import { demandPrivateWay, type SignInOptions, signIn, signInFlags } from "./sign-in.ts";

type TwoFactorOptions = ApiOptions & SignInOptions;

/** `lormas auth two-factor on`, `off` and `recovery-codes`. Each asks for the password, and so signs in for itself. */
export function addTwoFactorCommands(auth: Command, context: CliContext): void {
  const group = auth.command("two-factor").description("a second factor for your sign-in: codes of an app");
  const person = (usage: string, description: string, example: string): Command =>
    signInFlags(apiCommand(group, usage, description, example));
  person("on", "set up an app that makes codes, and get recovery codes", "lormas auth two-factor on").action(
    async (options: TwoFactorOptions) => {
      await signedIn(context, options, async ({ sessions, session, password }) => {
        const { uri, recoveryCodes } = await sessions.setUpTwoFactor(session, password);
        context.warn("Add this to your app; by hand, the key is what follows secret=");
        context.print(uri);
        const code = await context.ask.line("Code that the app shows", false, "run it on a terminal");
        const kept = await sessions.confirmTwoFactor(session, code);
        tellCodes(context, recoveryCodes);
        context.warn("From now on a sign-in asks for a code.");
        return kept;
      });
    },
  );
  person("off", "ask for the password alone again", "lormas auth two-factor off").action(
    async (options: TwoFactorOptions) => {
      await signedIn(context, options, ({ sessions, session, password }) =>
        sessions.removeTwoFactor(session, password),
      );
      context.print("A sign-in asks for the password alone.");
    },
  );
  person(
    "recovery-codes",
    "make new recovery codes; those of before are void",
    "lormas auth two-factor recovery-codes",
  ).action(async (options: TwoFactorOptions) => {
    await signedIn(context, options, async ({ sessions, session, password }) => {
      tellCodes(context, await sessions.newRecoveryCodes(session, password));
      return session;
    });
  });
}

/** Signs in for one piece of work, which gives the session that goes on, and signs out. */
async function signedIn(
  context: CliContext,
  options: TwoFactorOptions,
  work: (opened: Awaited<ReturnType<typeof signIn>>) => Promise<string>,
): Promise<void> {
  const access = context.access(options);
  if (options.output === "json") {
    throw new CliFailure(
      exitCode.usage,
      "a second factor is set up by a person: there is no JSON of it",
      "leave -o out",
    );
  }
  demandPrivateWay(access.url, options);
  const opened = await signIn(context, access, options);
  let session = opened.session;
  try {
    session = await work(opened);
  } finally {
    await opened.sessions.signOut(session).catch(() => undefined);
  }
}

function tellCodes(context: CliContext, codes: readonly string[]): void {
  context.warn("Recovery codes, shown this once: each signs you in once without the app.");
  for (const code of codes) context.print(code);
}
