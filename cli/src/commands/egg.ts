import { create } from "@bufbuild/protobuf";
import { type Egg, EggSchema } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { ListEggsResponseSchema } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import type { Command } from "commander";
import type { CliContext } from "../cli-context.ts";
import { CliFailure } from "../cli-failure.ts";
import { exitCode } from "../exit-code.ts";
import { jsonText } from "../output/json-output.ts";
import { type Column, factLines, tableLines } from "../output/table.ts";
import { resourcesText, secondsText } from "../output/wording.ts";
import { allPages } from "./all-pages.ts";
import { type ApiOptions, apiCommand } from "./api-command.ts";

const columns: Column<Egg>[] = [
  { title: "EGG", value: (egg) => egg.id },
  { title: "NAME", value: (egg) => egg.name },
  { title: "VERSION", value: (egg) => egg.version },
  { title: "CATEGORY", value: (egg) => egg.category },
  { title: "RUNTIMES", value: (egg) => egg.runtimes.join(", ") },
  { title: "DESCRIPTION", value: (egg) => egg.description },
];

/** `lormas egg …`. */
export function addEggCommands(program: Command, context: CliContext): void {
  const group = program.command("egg").description("templates for containers");
  apiCommand(group, "ls", "list eggs", "lormas egg ls").action(async (options: ApiOptions) => {
    const api = context.api(options);
    const eggs = await allPages(async (page) => {
      const answer = await api.eggs.listEggs(page);
      return { things: answer.eggs, nextPageToken: answer.nextPageToken };
    });
    if (options.output === "json") {
      context.print(jsonText(ListEggsResponseSchema, create(ListEggsResponseSchema, { eggs }), true));
    } else for (const line of tableLines(columns, eggs, context.columns())) context.print(line);
  });
  apiCommand(group, "show <egg>", "show one egg", "lormas egg show hello-http").action(
    async (id: string, options: ApiOptions) => {
      const { egg } = await context.api(options).eggs.getEgg({ id });
      if (egg === undefined) throw new CliFailure(exitCode.notFound, `there is no egg ${id}`, "lormas egg ls");
      if (options.output === "json") context.print(jsonText(EggSchema, egg, true));
      else for (const line of factLines(eggFacts(egg))) context.print(line);
    },
  );
}

function eggFacts(egg: Egg): [string, string][] {
  return [
    ["Egg", egg.id],
    ["Name", egg.name],
    ["Description", egg.description],
    ["Category", egg.category],
    ["Version", egg.version],
    ["Runtimes", egg.runtimes.join(", ")],
    ["Image", egg.image],
    ...Object.entries(egg.startup).map(([runtime, line]): [string, string] => [`Startup (${runtime})`, line]),
    ["Health check", egg.healthCheck],
    ["Starts within", secondsText(egg.startBudgetMs)],
    ["Stops by", `${egg.stopSignal}, SIGKILL after ${secondsText(egg.stopGraceMs)}`],
    ["Resources", resourcesText(egg.defaultResources)],
    ...egg.ports.map((port): [string, string] => [`Port ${port.name}`, `${port.containerPort}/${port.protocol}`]),
    ...egg.volumes.map((volume): [string, string] => [`Volume ${volume.name}`, `${volume.path} (${volume.kind})`]),
    ...egg.variables.map((variable): [string, string] => [
      variable.name,
      `${variable.description}${variable.defaultValue === "" ? "" : ` (default ${variable.defaultValue})`}${
        variable.required ? " (required)" : ""
      }`,
    ]),
  ];
}
