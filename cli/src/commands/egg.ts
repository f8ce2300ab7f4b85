import { create } from "@bufbuild/protobuf";
import { type Egg, type EggCategory, EggSchema, type EggVariable } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { ListEggCategoriesResponseSchema, ListEggsResponseSchema } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import type { Command } from "commander";
import type { CliContext } from "../cli-context.ts";
import { CliFailure } from "../cli-failure.ts";
import type { ApiClient } from "../client/api-client.ts";
import { exitCode } from "../exit-code.ts";
import { jsonText } from "../output/json-output.ts";
import { type Column, factLines, tableLines } from "../output/table.ts";
import { resourcesText, secondsText } from "../output/wording.ts";
import { allPages } from "./all-pages.ts";
import { type ApiOptions, apiCommand } from "./api-command.ts";
import { type DryRunOptions, triable } from "./dry-run.ts";
import { addEggEditCommands } from "./egg-edit.ts";
import { addEggExport } from "./egg-export.ts";
import { addEggImport } from "./egg-import.ts";
import { addEggUpdate } from "./egg-update.ts";

const columns: Column<Egg>[] = [
  { title: "EGG", value: (egg) => egg.id },
  { title: "NAME", value: (egg) => egg.name },
  { title: "VERSION", value: (egg) => egg.version },
  { title: "CATEGORY", value: (egg) => egg.category },
  { title: "RUNTIMES", value: (egg) => egg.runtimes.join(", ") },
  { title: "DESCRIPTION", value: (egg) => egg.description },
];

const categoryColumns: Column<EggCategory>[] = [
  { title: "CATEGORY", value: ({ id }) => id },
  { title: "NAME", value: ({ name }) => name },
  { title: "EGGS", value: ({ eggCount }) => String(eggCount), right: true },
];

/** `lormas egg …`. */
export function addEggCommands(program: Command, context: CliContext): void {
  const group = program.command("egg").description("templates for containers");
  apiCommand(group, "ls", "list eggs", "lormas egg ls --category Games")
    .option("--category <category>", "those of one category, by id or name")
    .option("--filter <filter>", "comparisons joined by AND, such as 'name : \"paper\"' (docs/api.md)", "")
    .action(async (options: ApiOptions & { readonly category?: string; readonly filter: string }) => {
      const api = context.api(options);
      const filter = await filterOf(api, options);
      let categories: EggCategory[] = [];
      const eggs = await allPages(async (page) => {
        const answer = await api.eggs.listEggs({ ...page, filter });
        categories = answer.categories;
        return { things: answer.eggs, nextPageToken: answer.nextPageToken };
      });
      if (options.output === "json") {
        context.print(jsonText(ListEggsResponseSchema, create(ListEggsResponseSchema, { eggs, categories }), true));
      } else for (const line of tableLines(columns, eggs, context.columns())) context.print(line);
    });
  apiCommand(group, "categories", "list the categories of eggs", "lormas egg categories").action(
    async (options: ApiOptions) => {
      const categories = await categoriesOf(context.api(options));
      if (options.output === "json") {
        const answer = create(ListEggCategoriesResponseSchema, { categories });
        context.print(jsonText(ListEggCategoriesResponseSchema, answer, true));
      } else for (const line of tableLines(categoryColumns, categories, context.columns())) context.print(line);
    },
  );
  apiCommand(group, "show <egg>", "show one egg", "lormas egg show hello-http").action(
    async (id: string, options: ApiOptions) => {
      const { egg } = await context.api(options).eggs.getEgg({ id });
      if (egg === undefined) throw new CliFailure(exitCode.notFound, `there is no egg ${id}`, "lormas egg ls");
      if (options.output === "json") context.print(jsonText(EggSchema, egg, true));
      else for (const line of factLines(eggFacts(egg))) context.print(line);
    },
  );
  addEggEditCommands(group, context);
  addEggImport(group, context);
  addEggUpdate(group, context);
  addEggExport(group, context);
  triable(
    apiCommand(group, "rm <egg>", "remove an egg of which there are no containers", "lormas egg rm paper"),
  ).action(async (id: string, options: ApiOptions & DryRunOptions) => {
    const { dryRun: validateOnly = false } = options;
    await context.api(options).eggs.deleteEgg({ id, validateOnly });
    if (options.output === "json") context.print("{}");
    else context.print(`${id} ${validateOnly ? "would be" : "is"} removed`);
  });
}

function categoriesOf({ eggs }: ApiClient): Promise<EggCategory[]> {
  return allPages(async (page) => {
    const { categories, nextPageToken } = await eggs.listEggCategories(page);
    return { things: categories, nextPageToken };
  });
}

/** The API's filter for what was asked for; a category that there is not is told with those that there are. */
async function filterOf(
  api: ApiClient,
  { category, filter }: { readonly category?: string; readonly filter: string },
): Promise<string> {
  if (category === undefined) return filter;
  const categories = await categoriesOf(api);
  const named = categories.find(({ id }) => id === category) ?? categories.find(({ name }) => name === category);
  if (named === undefined) {
    const all = categories.map(({ name }) => name).join(", ");
    throw new CliFailure(exitCode.notFound, `there is no category ${category}`, `there are: ${all}`);
  }
  return [`category = ${named.id}`, ...(filter.trim() === "" ? [] : [filter])].join(" AND ");
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
    ...(egg.images.length > 1 ? egg.images.map(({ name, image }): [string, string] => [`Image "${name}"`, image]) : []),
    ...egg.startupCommands.map(({ name, command }): [string, string] => [`Command "${name}"`, command]),
    ...Object.entries(egg.startup).map(([runtime, line]): [string, string] => [`Startup (${runtime})`, line]),
    ["Health check", egg.healthCheck],
    ["Starts within", secondsText(egg.startBudgetMs)],
    [
      "Stops by",
      `${egg.stopCommand === "" ? egg.stopSignal : `"${egg.stopCommand}"`}, SIGKILL after ${secondsText(egg.stopGraceMs)}`,
    ],
    ["Terminal", egg.tty ? "yes" : ""],
    ["Resources", resourcesText(egg.defaultResources)],
    ["Constraints", egg.constraints.join("; ")],
    ["Architectures", egg.architectures.join(", ")],
    ...egg.ports.map((port): [string, string] => [`Port ${port.name}`, `${port.containerPort}/${port.protocol}`]),
    ...egg.volumes.map((volume): [string, string] => [`Volume ${volume.name}`, `${volume.path} (${volume.kind})`]),
    ...panelFacts(egg),
    ...egg.variables.map((variable): [string, string] => [variable.name, variableText(variable)]),
  ];
}

function panelFacts({ panel }: Egg): [string, string][] {
  if (panel === undefined) return [];
  return [
    ["Author", panel.author],
    ["Uuid", panel.uuid],
    ["Exported at", panel.exportedAt],
    ["Update URL", panel.updateUrl],
    ["Tags", panel.tags.join(", ")],
    ["Features", panel.features.join(", ")],
    ["Denied files", panel.fileDenylist.join(", ")],
    ["Done when it prints", panel.done.join(" | ")],
    ["Stop command", panel.stop],
    ...panel.configFiles.map(({ path, parser, replacements }): [string, string] => [
      "Config file",
      `${path} (${parser}, ${replacements} values)`,
    ]),
    [
      "Install script",
      panel.installScriptBytes === 0
        ? ""
        : `${panel.installScriptBytes} bytes, for ${panel.installEntrypoint} in ${panel.installImage}`,
    ],
  ];
}

function variableText(variable: EggVariable): string {
  const { name, displayName, description, defaultValue, required, rules } = variable;
  const title = displayName === "" || displayName === name ? "" : `${displayName}: `;
  const fallback = defaultValue === "" ? "" : ` (default ${defaultValue})`;
  const reserved = variable.userViewable && variable.userEditable ? "" : " (kept from users)";
  const checks = rules.length === 0 ? "" : ` (rules ${rules.join("|")})`;
  return `${title}${description}${fallback}${required ? " (required)" : ""}${checks}${reserved}`;
}
