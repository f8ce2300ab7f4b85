import {
  CanIResponseSchema,
  ListRolesResponseSchema,
  type WhoAmIResponse,
  WhoAmIResponseSchema,
} from "@lormas/gen/lormas/api/v1/services_pb.ts";
import type { Command } from "commander";
import type { CliContext } from "../cli-context.ts";
import { type ExitCode, exitCode } from "../exit-code.ts";
import { jsonText } from "../output/json-output.ts";
import { roleText } from "../output/role-text.ts";
import { factLines, tableLines } from "../output/table.ts";
import { timeText } from "../output/wording.ts";
import { type ApiOptions, apiCommand } from "./api-command.ts";
import { addOwnAccountCommands } from "./own-account.ts";
import { type ScopeFlags, scopeOptions } from "./role-option.ts";
import { addTwoFactorCommands } from "./two-factor.ts";

/** `lormas auth …`. */
export function addAuthCommands(program: Command, context: CliContext, end: (code: ExitCode) => void): void {
  const group = program.command("auth").description("who you are, what you may, and what is yours");
  apiCommand(group, "whoami", "say who calls, and what that may", "lormas auth whoami").action(
    async (options: ApiOptions) => {
      const me = await context.api(options).access.whoAmI({});
      if (options.output === "json") return context.print(jsonText(WhoAmIResponseSchema, me, true));
      const facts: [string, string][] = [
        ["Name", me.name],
        ["Signed in by", me.kind],
        ["Role", roleText(me)],
        ["Ends", timeText(me.expiresAt) || "never"],
        ["May everywhere", me.permissions.join(", ") || "nothing"],
        ...somewhere(me),
        ...demanded(me),
      ];
      for (const line of factLines(facts)) context.print(line);
    },
  );
  const canI = apiCommand(
    group,
    "can-i <permission>",
    "say whether you may, everywhere or in one place, and why; exit code 1 when not",
    "lormas auth can-i container:start --cluster games",
  );
  for (const option of scopeOptions()) canI.addOption(option);
  canI.action(async (permission: string, options: ApiOptions & ScopeFlags) => {
    const { cluster, container } = options;
    const answer = await context.api(options).access.canI({ permission, cluster, container });
    if (options.output === "json") context.print(jsonText(CanIResponseSchema, answer, true));
    else context.print(`${answer.allowed ? "yes" : "no"}: ${answer.reason}`);
    if (!answer.allowed) end(exitCode.failed);
  });
  apiCommand(group, "roles", "list the roles and the permissions", "lormas auth roles").action(
    async (options: ApiOptions) => {
      const answer = await context.api(options).access.listRoles({});
      if (options.output === "json") return context.print(jsonText(ListRolesResponseSchema, answer, true));
      const roles = tableLines(
        [
          { title: "ROLE", value: (role) => role.name },
          { title: "GRANTS", value: (role) => [role.inherits, ...role.grants].filter(Boolean).join(", ") },
          { title: "DESCRIPTION", value: (role) => role.description },
        ],
        answer.roles,
        context.columns(),
      );
      const permissions = tableLines(
        [
          { title: "PERMISSION", value: (permission) => permission.name },
          { title: "LETS SOMEBODY", value: (permission) => permission.description },
        ],
        answer.permissions,
        context.columns(),
      );
      for (const line of [...roles, "", ...permissions]) context.print(line);
    },
  );
  addOwnAccountCommands(group, context);
  addTwoFactorCommands(group, context);
}

/** What is permitted in some place alone. */
function demanded({ secondFactorDemandedBy }: WhoAmIResponse): [string, string][] {
  if (secondFactorDemandedBy.length === 0) return [];
  const roles = secondFactorDemandedBy.join(", ");
  return [["Second factor", `demanded by ${roles}: nothing else can be done before lormas auth two-factor on`]];
}

function somewhere({ permissions, permissionsSomewhere }: WhoAmIResponse): [string, string][] {
  const more = permissionsSomewhere.filter((permission) => !permissions.includes(permission));
  return more.length === 0 ? [] : [["May in places", more.join(", ")]];
}
