import { EggFindingLevel } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { type ImportEggResponse, ImportEggResponseSchema } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import type { Command } from "commander";
import type { CliContext } from "../cli-context.ts";
import { CliFailure, failureText } from "../cli-failure.ts";
import { apiFailure } from "../client/api-failure.ts";
import { type EggText, eggTexts } from "../egg/egg-source.ts";
import { exitCode } from "../exit-code.ts";
import { jsonText } from "../output/json-output.ts";
import { plainText } from "../output/plain-text.ts";
import { type Column, tableLines } from "../output/table.ts";
import { type ApiOptions, apiCommand } from "./api-command.ts";
import { changeLines, findingLines } from "./egg-report.ts";

interface ImportOptions extends ApiOptions {
  readonly dryRun?: boolean;
  readonly replace?: boolean;
  readonly category?: string;
  readonly id?: string;
}

/** What became of one source. */
type Outcome = { readonly source: string } & (
  | { readonly answer: ImportEggResponse }
  | { readonly failure: CliFailure }
);

/** `lormas egg import`. */
export function addEggImport(group: Command, context: CliContext): void {
  apiCommand(
    group,
    "import <source...>",
    "bring in eggs of Pterodactyl, Pelican or Lormas: files, directories or URLs",
    "lormas egg import egg-paper.json --category Minecraft --dry-run",
  )
    .option("--dry-run", "say what would come of it, and change nothing")
    .option("--replace", "replace eggs that are there already; containers stay as they are")
    .option("--category <category>", "the shelf, made when there is none (default: Imported)")
    .option("--id <id>", "the egg's id, for one egg alone (default: its name in lower case with hyphens)")
    .action(async (sources: string[], options: ImportOptions) => {
      const outcomes = await importAll(sources, options, context);
      const [only] = outcomes;
      if (outcomes.length === 1 && only !== undefined && "failure" in only) throw only.failure;
      if (options.output === "json") context.print(outcomesJson(outcomes));
      else for (const line of outcomeLines(outcomes, options, context.columns())) context.print(line);
      const failed = outcomes.filter((outcome) => "failure" in outcome);
      if (failed.length === 0) return;
      const code = failed[0] !== undefined && "failure" in failed[0] ? failed[0].failure.code : exitCode.failed;
      const message = `${failed.length} of ${outcomes.length} eggs could not be imported`;
      throw new CliFailure(code, message, "the others are done; correct what is named and import these again");
    });
}

async function importAll(
  sources: readonly string[],
  options: ImportOptions,
  context: CliContext,
): Promise<readonly Outcome[]> {
  const api = context.api(options);
  const { dryRun = false, replace = false, category = "", id = "" } = options;
  const outcomes: Outcome[] = [];
  const texts = eggTexts(sources, context.clock);
  for await (const { source, text } of id === "" ? texts : onlyOne(texts)) {
    try {
      if (text instanceof CliFailure) throw text;
      const answer = await api.eggs.importEgg({ content: text, dryRun, replace, category, id });
      outcomes.push({ source, answer });
    } catch (thrown) {
      const failure = apiFailure(thrown, api.url);
      // Nobody is there, or nobody may: the next would fare no better.
      if (failure.code === exitCode.unavailable || failure.code === exitCode.refused) throw failure;
      outcomes.push({ source, failure });
    }
  }
  return outcomes;
}

/** The one text there is; nothing is imported when there are several. */
async function* onlyOne(texts: AsyncGenerator<EggText>): AsyncGenerator<EggText> {
  const first = await texts.next();
  const second = await texts.next();
  if (second.done !== true) {
    throw new CliFailure(exitCode.usage, "--id names one egg, and there are several", "import that one by itself");
  }
  if (first.done !== true) yield first.value;
}

function outcomeLines(outcomes: readonly Outcome[], options: ImportOptions, columns: number | undefined): string[] {
  const [only] = outcomes;
  if (outcomes.length === 1 && only !== undefined && "answer" in only) {
    const { egg, format, syntax, findings } = only.answer;
    const head = `${egg?.id ?? ""} ${verb(only.answer, options)} from ${format} (${syntax}) into ${egg?.category ?? ""}`;
    return [plainText(head), ...changeLines(only.answer, columns), ...findingLines(findings, columns)];
  }
  const count = (outcome: Outcome, level: EggFindingLevel): string =>
    "answer" in outcome ? String(outcome.answer.findings.filter((finding) => finding.level === level).length) : "-";
  const shape: Column<Outcome>[] = [
    { title: "SOURCE", value: ({ source }) => source },
    { title: "EGG", value: (outcome) => ("answer" in outcome ? (outcome.answer.egg?.id ?? "") : "-") },
    { title: "FORMAT", value: (outcome) => ("answer" in outcome ? outcome.answer.format : "-") },
    { title: "ERRORS", value: (outcome) => count(outcome, EggFindingLevel.ERROR), right: true },
    { title: "WARNINGS", value: (outcome) => count(outcome, EggFindingLevel.WARNING), right: true },
    { title: "NOT USED", value: (outcome) => count(outcome, EggFindingLevel.NOT_USED), right: true },
    {
      title: "OUTCOME",
      value: (outcome) =>
        "answer" in outcome
          ? verb(outcome.answer, options)
          : failureText(outcome.failure).replace(/^lormas: /, "failed: "),
    },
  ];
  return tableLines(shape, outcomes, columns);
}

function verb({ replaced }: ImportEggResponse, { dryRun = false }: ImportOptions): string {
  if (dryRun) return replaced ? "would be replaced" : "would be imported";
  return replaced ? "replaced" : "imported";
}

/** One answer as the API's message; several, or a failure among them, as a list with their sources. */
function outcomesJson(outcomes: readonly Outcome[]): string {
  const [only] = outcomes;
  if (outcomes.length === 1 && only !== undefined && "answer" in only) {
    return jsonText(ImportEggResponseSchema, only.answer, true);
  }
  const list = outcomes.map((outcome) =>
    "answer" in outcome
      ? { source: outcome.source, ...(JSON.parse(jsonText(ImportEggResponseSchema, outcome.answer, false)) as object) }
      : { source: outcome.source, error: outcome.failure.message, nextStep: outcome.failure.nextStep },
  );
  return JSON.stringify({ eggs: list }, null, 2);
}
