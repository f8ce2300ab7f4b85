import { create } from "@bufbuild/protobuf";
import {
  DeleteRoleResponseSchema,
  ListRolesResponseSchema,
  type Role,
  RoleSchema,
} from "@lormas/gen/lormas/api/v1/services_pb.ts";
import type { Command } from "commander";
import type { CliContext } from "../cli-context.ts";
import { CliFailure } from "../cli-failure.ts";
import { sendNamed } from "../client/named-request.ts";
import { exitCode } from "../exit-code.ts";
import { jsonText } from "../output/json-output.ts";
import { type Column, factLines, tableLines } from "../output/table.ts";
import { type ApiOptions, apiCommand } from "./api-command.ts";
import { type DryRunOptions, sayForetold, triable } from "./dry-run.ts";
import { showView, type ViewOptions, watchable } from "./view.ts";

const columns: Column<Role>[] = [
  { title: "ROLE", value: (role) => role.name },
  { title: "INCLUDES", value: (role) => role.includes.join(", ") },
  { title: "GRANTS", value: (role) => role.grants.join(", ") },
  { title: "2ND FACTOR", value: (role) => factorText(role) },
  { title: "KIND", value: (role) => (role.builtIn ? "ships" : "own") },
  { title: "DESCRIPTION", value: (role) => role.description },
];

type ChangeOptions = ApiOptions &
  DryRunOptions & {
    readonly description?: string;
    readonly grant: readonly string[];
    readonly include: readonly string[];
    readonly requireSecondFactor?: boolean;
  };

/** `lormas role …`. */
export function addRoleCommands(program: Command, context: CliContext): void {
  const group = program.command("role").description("roles: what those who hold them may");
  watchable(apiCommand(group, "ls", "list the roles", "lormas role ls"))
    .alias("list")
    .action(async (options: ViewOptions) => {
      await showView(context, options, async (api) => {
        const answer = await api.access.listRoles({});
        return {
          json: (indent) => jsonText(ListRolesResponseSchema, answer, indent),
          lines: (screen) => tableLines(columns, answer.roles, screen.columns),
        };
      });
    });
  apiCommand(group, "show <name>", "show a role with all that it may", "lormas role show crew").action(
    async (name: string, options: ApiOptions) => {
      const { role } = await context.api(options).access.getRole({ name });
      tell(context, options, role, (shown) => {
        const facts: [string, string][] = [
          ["Name", shown.name],
          ["Description", shown.description],
          ["Kind", shown.builtIn ? "ships with Lormas" : "own"],
          ["Includes", shown.includes.join(", ") || "none"],
          ["Grants", shown.grants.join(", ") || "nothing itself"],
          ["Second factor", factorText(shown) || "not demanded"],
          ["May", shown.permissions.join(", ")],
        ];
        return factLines(facts);
      });
    },
  );
  changing(
    apiCommand(
      group,
      "create <name>",
      "make a role of permissions and other roles",
      "lormas role create crew --include viewer --grant container:restart --grant container:logs:*",
    ),
  ).action(async (name: string, options: ChangeOptions) => {
    const { description = "", grant, include, requireSecondFactor: secondFactorRequired = false } = options;
    const { dryRun: validateOnly = false } = options;
    const wish = { name, description, grants: [...grant], includes: [...include], secondFactorRequired };
    const { role } = await sendNamed(context, (requestId) =>
      context.api(options).access.createRole({ ...wish, requestId, validateOnly }),
    );
    if (validateOnly) sayForetold(context, options, `${name} would be made:`);
    tell(context, options, role, (made) => [`${made.name} may ${made.permissions.join(", ")}`]);
  });
  changing(
    apiCommand(
      group,
      "update <name>",
      "change a role; what is not given stays, what is given replaces; of one that ships, only the second factor",
      "lormas role update crew --grant container:*",
    ),
  ).action(async (name: string, options: ChangeOptions) => {
    const { access } = context.api(options);
    const { role: before } = await access.getRole({ name });
    const { dryRun: validateOnly = false } = options;
    const etag = before?.etag ?? "";
    const { requireSecondFactor: secondFactorRequired, grant, include } = options;
    const isAlone = options.description === undefined && grant.length === 0 && include.length === 0;
    if (secondFactorRequired !== undefined && isAlone) {
      const updateMask = ["second_factor_required"];
      const { role } = await access.updateRole({ name, secondFactorRequired, updateMask, etag, validateOnly });
      if (validateOnly) sayForetold(context, options, `${name} would be changed:`);
      tell(context, options, role, (changed) => [
        `${changed.name}: a second factor is ${factorText(changed) || "not demanded"}`,
      ]);
      return;
    }
    const { description = before?.description ?? "" } = options;
    const grants = grant.length > 0 ? [...grant] : [...(before?.grants ?? [])];
    const includes = include.length > 0 ? [...include] : [...(before?.includes ?? [])];
    const factor = secondFactorRequired === undefined ? {} : { secondFactorRequired };
    const wish = { name, description, grants, includes, ...factor, etag };
    const { role } = await access.updateRole({ ...wish, validateOnly });
    if (validateOnly) sayForetold(context, options, `${name} would be changed:`);
    tell(context, options, role, (changed) => [`${changed.name} may ${changed.permissions.join(", ")}`]);
  });
  triable(apiCommand(group, "rm <name>", "remove a role that nobody holds", "lormas role rm crew")).action(
    async (name: string, options: ApiOptions & DryRunOptions) => {
      const { dryRun: validateOnly = false } = options;
      await context.api(options).access.deleteRole({ name, validateOnly });
      if (options.output === "json")
        context.print(jsonText(DeleteRoleResponseSchema, create(DeleteRoleResponseSchema), true));
      else context.print(`${name} ${validateOnly ? "would be" : "is"} removed`);
    },
  );
}

function factorText({ secondFactorRequired, secondFactorDemanded }: Role): string {
  return secondFactorRequired ? "demanded" : secondFactorDemanded ? "demanded by a role that it includes" : "";
}

function changing(command: Command): Command {
  const collected = (text: string, before: readonly string[]): readonly string[] => [...before, text];
  return triable(command)
    .option("--description <text>", "for people")
    .option("--grant <permission>", "a permission, or all that begin so: container:* (may be repeated)", collected, [])
    .option("--require-second-factor", "a person who holds it may do nothing before a second factor is set up")
    .option("--no-require-second-factor", "a password is enough for it")
    .option("--include <role>", "a role all of whose permissions it has (may be repeated)", collected, []);
}

function tell(
  context: CliContext,
  options: ApiOptions,
  role: Role | undefined,
  lines: (role: Role) => readonly string[],
): void {
  if (role === undefined) throw new CliFailure(exitCode.failed, "the coordinator shows no role", "");
  if (options.output === "json") context.print(jsonText(RoleSchema, role, true));
  else for (const line of lines(role)) context.print(line);
}
