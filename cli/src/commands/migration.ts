import { create } from "@bufbuild/protobuf";
import { type Migration, MigrationSchema, MigrationTrigger } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { ListMigrationsResponseSchema } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import type { Command } from "commander";
import type { CliContext } from "../cli-context.ts";
import { CliFailure } from "../cli-failure.ts";
import { exitCode } from "../exit-code.ts";
import { jsonText } from "../output/json-output.ts";
import { wholeNumber } from "../output/quantity.ts";
import { type Column, factLines, tableLines } from "../output/table.ts";
import { clockText, outcomeWord, secondsText, timeText, triggerWord } from "../output/wording.ts";
import { allPages } from "./all-pages.ts";
import { type ApiOptions, apiCommand } from "./api-command.ts";

const columns: Column<Migration>[] = [
  { title: "STARTED", value: (migration) => timeText(migration.startedAt) },
  { title: "CONTAINER", value: (migration) => migration.containerName },
  { title: "FROM", value: (migration) => migration.sourceNodeName || "-" },
  { title: "TO", value: (migration) => migration.targetNodeName || "-" },
  { title: "TRIGGER", value: (migration) => triggerWord(migration.trigger) },
  { title: "OUTCOME", value: (migration) => outcomeWord(migration.outcome) },
  { title: "STATE", value: (migration) => migration.state },
  { title: "AWAY", value: (migration) => secondsText(migration.downtimeMs), right: true },
  { title: "ID", value: (migration) => migration.id },
];

/** The lines of a list of migrations, for `migration ls` and `container history`. */
export function migrationLines(migrations: readonly Migration[], width: number | undefined): string[] {
  return tableLines(columns, migrations, width);
}

/** `lormas migration …`. */
export function addMigrationCommands(program: Command, context: CliContext): void {
  const group = program.command("migration").description("moves of HA containers");
  apiCommand(group, "ls", "list migrations, newest first", "lormas migration ls --active")
    .option("--active", "only those under way")
    .option("--limit <count>", "at most this many", wholeNumber(1, 100_000), 100)
    .action(async (options: ApiOptions & { active?: boolean; limit: number }) => {
      const api = context.api(options);
      const migrations = await allPages(async (page) => {
        const answer = await api.migrations.listMigrations({ ...page, activeOnly: options.active === true });
        return { things: answer.migrations, nextPageToken: answer.nextPageToken };
      }, options.limit);
      if (options.output === "json") {
        context.print(
          jsonText(ListMigrationsResponseSchema, create(ListMigrationsResponseSchema, { migrations }), true),
        );
      } else for (const line of migrationLines(migrations, context.columns())) context.print(line);
    });
  apiCommand(
    group,
    "show <migration>",
    "show one migration, its steps and why its target was chosen",
    "lormas migration show 0199c2b4-…",
  ).action(async (id: string, options: ApiOptions) => {
    const { migration } = await context.api(options).migrations.getMigration({ id });
    if (migration === undefined) {
      throw new CliFailure(exitCode.notFound, `there is no migration ${id}`, "lormas migration ls");
    }
    if (options.output === "json") context.print(jsonText(MigrationSchema, migration, true));
    else for (const line of migrationDetail(migration, context.columns())) context.print(line);
  });
  addCancel(group, context);
}

/** `lormas migration cancel`. */
function addCancel(group: Command, context: CliContext): void {
  apiCommand(
    group,
    "cancel <migration>",
    "take a migration back, while its container is not committed to the target",
    "lormas migration cancel 0199c2b4-…",
  ).action(async (id: string, options: ApiOptions) => {
    const { migration } = await context.api(options).migrations.cancelMigration({ id });
    if (migration === undefined) throw new CliFailure(exitCode.failed, `migration ${id} was not cancelled`, "");
    if (options.output === "json") context.print(jsonText(MigrationSchema, migration, true));
    else {
      const source = migration.sourceNodeName || "its source";
      context.print(`${migration.containerName} stays on ${source}; follow it: lormas migration show ${id}`);
      if (migration.trigger === MigrationTrigger.DRAIN) {
        context.warn(
          `${source} is being emptied and will send it again: lormas node uncordon ${source} calls that off`,
        );
      }
    }
  });
}

function migrationDetail(migration: Migration, width: number | undefined): string[] {
  const facts = factLines([
    ["Id", migration.id],
    ["Container", migration.containerName],
    ["From", migration.sourceNodeName],
    ["To", migration.targetNodeName],
    ["Trigger", triggerWord(migration.trigger)],
    ["Outcome", outcomeWord(migration.outcome)],
    ["State", migration.state],
    ["In the queue", migration.queuePosition === 0 ? "" : `number ${migration.queuePosition}: ${migration.waitingFor}`],
    ["Started", timeText(migration.startedAt)],
    ["Ended", timeText(migration.endedAt)],
    ["Without service", secondsText(migration.downtimeMs)],
    ["Error", [migration.errorCode, migration.errorMessage].filter(Boolean).join(": ")],
    ["Target because", migration.decision?.summary ?? ""],
  ]);
  const steps = tableLines(
    [
      { title: "STEP", value: (step) => step.name },
      { title: "ENTERED", value: (step) => clockText(step.startedAt) },
      { title: "LEFT", value: (step) => clockText(step.endedAt) || "-" },
      { title: "DETAIL", value: (step) => step.detail },
    ],
    migration.steps,
    width,
  );
  const candidates = tableLines(
    [
      { title: "NODE", value: (candidate) => candidate.nodeName },
      {
        title: "TAKEN INTO ACCOUNT",
        value: (candidate) => (candidate.eligible ? "yes" : `no: ${candidate.droppedBy}`),
      },
      { title: "SCORE", value: (candidate) => (candidate.eligible ? candidate.score.toFixed(2) : ""), right: true },
      { title: "REASON", value: (candidate) => candidate.reason },
    ],
    migration.decision?.candidates ?? [],
    width,
  );
  return [
    ...facts,
    ...(migration.steps.length === 0 ? [] : ["", ...steps]),
    ...(migration.decision === undefined ? [] : ["", ...candidates]),
  ];
}
