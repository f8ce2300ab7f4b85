import { create } from "@bufbuild/protobuf";
import {
  type ApiToken,
  CreateTokenResponseSchema,
  ListTokensResponseSchema,
} from "@lormas/gen/lormas/api/v1/services_pb.ts";
import type { Command } from "commander";
import type { CliContext } from "../cli-context.ts";
import { sendNamed } from "../client/named-request.ts";
import { jsonText } from "../output/json-output.ts";
import { durationSeconds } from "../output/quantity.ts";
import { roleText } from "../output/role-text.ts";
import { type Column, tableLines } from "../output/table.ts";
import { timeText } from "../output/wording.ts";
import { type ApiOptions, apiCommand } from "./api-command.ts";
import { addGrantArgument, type GrantArgument, roleOption } from "./role-option.ts";
import { showView, type ViewOptions, watchable } from "./view.ts";

type TokenOptions = ApiOptions & {
  readonly role: string;
  readonly grant: readonly GrantArgument[];
  readonly lifetime: number;
};

/** The columns of API tokens. */
export const tokenColumns: Column<ApiToken>[] = [
  { title: "NAME", value: (token) => token.name },
  { title: "ROLE", value: (token) => roleText(token) },
  { title: "BEGINS", value: (token) => token.prefix },
  { title: "MADE BY", value: (token) => token.createdBy },
  { title: "MADE", value: (token) => timeText(token.createdAt) },
  { title: "ENDS", value: (token) => timeText(token.expiresAt) || "never" },
  { title: "LAST USED", value: (token) => timeText(token.lastUsedAt) || "never" },
];

/** `lormas token …`. */
export function addTokenCommands(program: Command, context: CliContext): void {
  const group = program.command("token").description("API tokens: what programs sign in with");
  watchable(apiCommand(group, "ls", "list the tokens that are valid", "lormas token ls"))
    .alias("list")
    .action(async (options: ViewOptions) => {
      await showView(context, options, async (api) => {
        const { tokens } = await api.access.listTokens({});
        return {
          json: (indent) => jsonText(ListTokensResponseSchema, create(ListTokensResponseSchema, { tokens }), indent),
          lines: (screen) => tableLines(tokenColumns, tokens, screen.columns),
        };
      });
    });
  apiCommand(
    group,
    "create <name>",
    "make a token; its secret is shown this once",
    "lormas token create ci --role developer --lifetime 90d",
  )
    .addOption(roleOption())
    .option(
      "--grant <role@scope>",
      "a role in a cluster or for a container, beside that: developer@cluster=games, viewer@container=web (may be repeated)",
      addGrantArgument,
      [],
    )
    .option("--lifetime <time>", "it ends after this long (90s, 30m, 2h, 90d; default: never)", durationSeconds, 0)
    .action(async (name: string, options: TokenOptions) => {
      const { role, lifetime: lifetimeSeconds } = options;
      const grants = [...options.grant];
      const answer = await sendNamed(context, (requestId) =>
        context.api(options).access.createToken({ name, role, lifetimeSeconds, grants, requestId }),
      );
      if (options.output === "json") return context.print(jsonText(CreateTokenResponseSchema, answer, true));
      context.print(answer.secret);
      const ends = timeText(answer.token?.expiresAt);
      context.warn(`Shown this once; ${ends === "" ? "valid until it is revoked" : `valid until ${ends}`}.`);
    });
  apiCommand(group, "revoke <name>", "end a token; its open streams end within 5 s", "lormas token revoke ci").action(
    async (name: string, options: ApiOptions) => {
      await context.api(options).access.revokeToken({ name });
      if (options.output === "json") context.print("{}");
      else context.print(`${name} is revoked`);
    },
  );
}
