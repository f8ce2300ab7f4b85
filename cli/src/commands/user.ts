import { create } from "@bufbuild/protobuf";
import {
  CreateUserResponseSchema,
  EndSessionsResponseSchema,
  ListUserSessionsResponseSchema,
  ListUsersResponseSchema,
  ResetPasswordResponseSchema,
  type User,
  UserSchema,
} from "@lormas/gen/lormas/api/v1/services_pb.ts";
import type { Command } from "commander";
import type { CliContext } from "../cli-context.ts";
import { CliFailure } from "../cli-failure.ts";
import { sendNamed } from "../client/named-request.ts";
import { exitCode } from "../exit-code.ts";
import { jsonText } from "../output/json-output.ts";
import { grantText, roleText } from "../output/role-text.ts";
import { type Column, factLines, tableLines } from "../output/table.ts";
import { timeText } from "../output/wording.ts";
import { allPages } from "./all-pages.ts";
import { type ApiOptions, apiCommand } from "./api-command.ts";
import { sessionColumns } from "./own-account.ts";
import { roleOption, type ScopeFlags, scopedRoleOption, scopeOptions } from "./role-option.ts";
import { showView, type ViewOptions, watchable } from "./view.ts";

const columns: Column<User>[] = [
  { title: "E-MAIL", value: (user) => user.email },
  { title: "NAME", value: (user) => user.name },
  { title: "ROLE", value: (user) => roleText(user) },
  { title: "SESSIONS", value: (user) => String(user.sessionCount), right: true },
  { title: "PASSWORD", value: (user) => (user.mustChangePassword ? "must be changed" : "own") },
  { title: "2ND FACTOR", value: (user) => (user.twoFactorEnabled ? "yes" : "no") },
  { title: "MADE", value: (user) => timeText(user.createdAt) },
];

/** `lormas user …`. */
export function addUserCommands(program: Command, context: CliContext): void {
  const group = program.command("user").description("people who can sign in");
  watchable(apiCommand(group, "ls", "list accounts", "lormas user ls"))
    .alias("list")
    .action(async (options: ViewOptions) => {
      await showView(context, options, async (api) => {
        const users = await allPages(async (page) => {
          const answer = await api.access.listUsers(page);
          return { things: answer.users, nextPageToken: answer.nextPageToken };
        });
        return {
          json: (indent) => jsonText(ListUsersResponseSchema, create(ListUsersResponseSchema, { users }), indent),
          lines: (screen) => tableLines(columns, users, screen.columns),
        };
      });
    });
  apiCommand(
    group,
    "create <email>",
    "make an account; its first password is shown this once",
    "lormas user create ann@example.org --role developer",
  )
    .option("--name <name>", "for people", "")
    .addOption(roleOption())
    .action(async (email: string, options: ApiOptions & { name: string; role: string }) => {
      const { name, role } = options;
      const answer = await sendNamed(context, (requestId) =>
        context.api(options).access.createUser({ email, name, role, requestId }),
      );
      if (options.output === "json") return context.print(jsonText(CreateUserResponseSchema, answer, true));
      tellPassword(context, answer.password);
    });
  apiCommand(
    group,
    "update <email>",
    "give somebody another role everywhere",
    "lormas user update ann@example.org --role viewer",
  )
    .addOption(roleOption())
    .action(async (email: string, options: ApiOptions & { role: string }) => {
      const { user } = await context.api(options).access.updateUser({ email, role: options.role });
      if (user === undefined) throw new CliFailure(exitCode.failed, `${email} was not changed`, "");
      if (options.output === "json") context.print(jsonText(UserSchema, user, true));
      else context.print(`${user.email} is ${user.role || "nothing"} everywhere`);
    });
  apiCommand(
    group,
    "show <email>",
    "show an account with all that it holds",
    "lormas user show ann@example.org",
  ).action(async (email: string, options: ApiOptions) => {
    const { user } = await context.api(options).access.getUser({ email });
    if (user === undefined) throw new CliFailure(exitCode.failed, `${email} was not shown`, "");
    if (options.output === "json") return context.print(jsonText(UserSchema, user, true));
    const facts: [string, string][] = [
      ["E-mail", user.email],
      ["Name", user.name],
      ["Everywhere", user.role || "none"],
      ...user.grants.map((grant): [string, string] => ["Beside that", grantText(grant)]),
      ["Sessions", String(user.sessionCount)],
      ["Password", user.mustChangePassword ? "must be changed" : "own"],
      ["Made", timeText(user.createdAt)],
    ];
    for (const line of factLines(facts)) context.print(line);
  });
  addGrantCommands(group, context);
  apiCommand(
    group,
    "reset-password <email>",
    "end every session of somebody, with a new first password",
    "lormas user reset-password ann@example.org",
  ).action(async (email: string, options: ApiOptions) => {
    const answer = await context.api(options).access.resetPassword({ email });
    if (options.output === "json") return context.print(jsonText(ResetPasswordResponseSchema, answer, true));
    tellPassword(context, answer.password);
  });
  apiCommand(
    group,
    "end-sessions <email>",
    "sign somebody out everywhere",
    "lormas user end-sessions ann@example.org",
  ).action(async (email: string, options: ApiOptions) => {
    const answer = await context.api(options).access.endSessions({ email });
    if (options.output === "json") context.print(jsonText(EndSessionsResponseSchema, answer, true));
    else context.print(`${answer.ended} ${answer.ended === 1 ? "session" : "sessions"} ended`);
  });
  apiCommand(
    group,
    "sessions <email>",
    "list where somebody is signed in",
    "lormas user sessions ann@example.org",
  ).action(async (email: string, options: ApiOptions) => {
    const answer = await context.api(options).access.listUserSessions({ email });
    if (options.output === "json") return context.print(jsonText(ListUserSessionsResponseSchema, answer, true));
    for (const line of tableLines(sessionColumns, answer.sessions, context.columns())) context.print(line);
  });
  apiCommand(
    group,
    "end-session <email> <id>",
    "sign out one session of somebody",
    "lormas user end-session ann@example.org 5WkZ0JtR",
  ).action(async (email: string, id: string, options: ApiOptions) => {
    await context.api(options).access.endUserSession({ email, id });
    context.print(options.output === "json" ? "{}" : `session ${id} of ${email} is ended`);
  });
  apiCommand(
    group,
    "remove-two-factor <email>",
    "let somebody sign in with the password alone, who has lost the app",
    "lormas user remove-two-factor ann@example.org",
  ).action(async (email: string, options: ApiOptions) => {
    const { user } = await context.api(options).access.removeTwoFactor({ email });
    if (options.output === "json" && user !== undefined) context.print(jsonText(UserSchema, user, true));
    else context.print(`${email} signs in with the password alone`);
  });
  apiCommand(
    group,
    "rm <email>",
    "remove an account, and revoke the tokens it made",
    "lormas user rm ann@example.org",
  ).action(async (email: string, options: ApiOptions) => {
    await context.api(options).access.deleteUser({ email });
    if (options.output === "json") context.print("{}");
    else context.print(`${email} is removed`);
  });
}

/** `lormas user grant` and `ungrant`. */
function addGrantCommands(group: Command, context: CliContext): void {
  type Options = ApiOptions & ScopeFlags & { readonly role: string };
  const change = (usage: string, description: string, example: string, word: "grant" | "ungrant"): void => {
    const command = apiCommand(group, usage, description, example).addOption(scopedRoleOption());
    for (const option of scopeOptions()) command.addOption(option);
    command.action(async (email: string, options: Options) => {
      const { role, cluster, container } = options;
      const { access } = context.api(options);
      const wish = { email, role, cluster, container };
      const { user } = await (word === "grant" ? access.grantRole(wish) : access.ungrantRole(wish));
      if (user === undefined) throw new CliFailure(exitCode.failed, `${email} was not changed`, "");
      if (options.output === "json") context.print(jsonText(UserSchema, user, true));
      else context.print(`${user.email} has ${roleText(user)}`);
    });
  };
  change(
    "grant <email>",
    "give somebody a role in one cluster or for one container",
    "lormas user grant ann@example.org --role developer --cluster games",
    "grant",
  );
  change(
    "ungrant <email>",
    "take a role in one cluster or for one container away",
    "lormas user ungrant ann@example.org --role developer --cluster games",
    "ungrant",
  );
}

function tellPassword(context: CliContext, password: string): void {
  context.print(password);
  context.warn("Shown this once; it must be changed at the first sign-in.");
}
