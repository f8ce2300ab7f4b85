import { create } from "@bufbuild/protobuf";
import {
  type Migration,
  MigrationOutcome,
  MigrationSchema,
  MigrationTrigger,
  type PlacementCandidate,
  type PlacementDecision,
} from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { ListMigrationsResponseSchema } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import type { Command } from "commander";
import type { CliContext } from "../cli-context.ts";
import { CliFailure } from "../cli-failure.ts";
import { exitCode } from "../exit-code.ts";
import { jsonText } from "../output/json-output.ts";
import { wholeNumber } from "../output/quantity.ts";
import { type Column, factLines, type Screen, tableLines } from "../output/table.ts";
import { clockText, outcomeWord, secondsText, timeText, triggerWord } from "../output/wording.ts";
import { allPages } from "./all-pages.ts";
import { apiCommand } from "./api-command.ts";
import { untilMigrated } from "./container-wait.ts";
import { withPrefix } from "./id-prefix.ts";
import { ofRequest, type RequestOption, withRequest } from "./request-option.ts";
import { showView, type ViewOptions, watchable } from "./view.ts";
import { type WaitOptions, waitable } from "./wait.ts";

/** How long --wait waits unless told, seconds. */
const WAIT_DEFAULT_S = 600;

const columns: Column<Migration>[] = [
  { title: "STARTED", value: (migration) => timeText(migration.startedAt) },
  { title: "CONTAINER", value: (migration) => migration.containerName },
  { title: "FROM", value: (migration) => migration.sourceNodeName || "-" },
  { title: "TO", value: (migration) => migration.targetNodeName || "-" },
  { title: "TRIGGER", value: (migration) => triggerWord(migration.trigger) },
  { title: "OUTCOME", value: (migration) => outcomeWord(migration.outcome), state: true },
  { title: "STATE", value: (migration) => migration.state },
  { title: "AWAY", value: (migration) => secondsText(migration.downtimeMs), right: true },
  { title: "ID", value: (migration) => migration.id },
];

const candidateColumns: Column<PlacementCandidate>[] = [
  { title: "NODE", value: (candidate) => candidate.nodeName },
  {
    title: "TAKEN INTO ACCOUNT",
    value: (candidate) => (candidate.eligible ? "yes" : `no: ${candidate.droppedBy}`),
  },
  { title: "SCORE", value: (candidate) => (candidate.eligible ? candidate.score.toFixed(2) : ""), right: true },
  { title: "REASON", value: (candidate) => candidate.reason },
];

/** Why a node was chosen, or none: every candidate. */
export function candidateLines(decision: PlacementDecision, width: number | undefined): string[] {
  return tableLines(candidateColumns, decision.candidates, width);
}

/** The lines of a list of migrations, for `migration ls` and `container history`. */
export function migrationLines(migrations: readonly Migration[], width: number | undefined, colors = false): string[] {
  return tableLines(columns, migrations, width, colors);
}

/** `lormas migration …`. */
export function addMigrationCommands(program: Command, context: CliContext): void {
  const group = program.command("migration").description("moves of HA containers");
  watchable(ofRequest(apiCommand(group, "ls", "list migrations, newest first", "lormas migration ls --active --watch")))
    .option("--active", "only those under way")
    .option("--filter <filter>", "only those that fit, such as 'outcome = failed AND trigger = auto' (docs/api.md)", "")
    .option("--limit <count>", "at most this many", wholeNumber(1, 100_000), 100)
    .action(async (options: ViewOptions & RequestOption & { active?: boolean; filter: string; limit: number }) => {
      await showView(context, options, async (api) => {
        const migrations = await allPages(async (page) => {
          const { active = false } = options;
          const filter = withRequest(options.filter, options);
          const answer = await api.migrations.listMigrations({ ...page, activeOnly: active, filter });
          return { things: answer.migrations, nextPageToken: answer.nextPageToken };
        }, options.limit);
        return {
          json: (indent) =>
            jsonText(ListMigrationsResponseSchema, create(ListMigrationsResponseSchema, { migrations }), indent),
          lines: (screen) => migrationLines(migrations, screen.columns, screen.colors),
        };
      });
    });
  watchable(
    apiCommand(
      group,
      "show <migration>",
      "show one migration, its steps and why its target was chosen",
      "lormas migration show 0199c2b4-…",
    ),
  ).action(async (given: string, options: ViewOptions) => {
    await showView(context, options, async (api) => {
      const { migration } = await withPrefix(api, "migration", given, "loose", (id) =>
        api.migrations.getMigration({ id }),
      );
      if (migration === undefined) {
        throw new CliFailure(exitCode.notFound, `there is no migration ${given}`, "lormas migration ls");
      }
      return {
        json: (indent) => jsonText(MigrationSchema, migration, indent),
        lines: (screen) => migrationDetail(migration, screen),
      };
    });
  });
  addCancel(group, context);
}

/** `lormas migration cancel`. */
function addCancel(group: Command, context: CliContext): void {
  waitable(
    apiCommand(
      group,
      "cancel <migration>",
      "take a migration back, while its container is not committed to the target",
      "lormas migration cancel 0199c2b4-…",
    ),
    "it is taken back",
    WAIT_DEFAULT_S,
  ).action(async (given: string, options: WaitOptions) => {
    const api = context.api(options);
    const { migration } = await withPrefix(api, "migration", given, "strict", (id) =>
      api.migrations.cancelMigration({ id }),
    );
    if (migration === undefined) throw new CliFailure(exitCode.failed, `migration ${given} was not cancelled`, "");
    const source = migration.sourceNodeName || "its source";
    if (options.output === "table") {
      context.print(`${migration.containerName} stays on ${source}; follow it: lormas migration show ${migration.id}`);
    }
    if (migration.trigger === MigrationTrigger.DRAIN) {
      context.warn(`${source} is being emptied and will send it again: lormas node uncordon ${source} calls that off`);
    }
    const last =
      options.wait === true
        ? await untilMigrated(context, api, options, migration, MigrationOutcome.CANCELLED)
        : migration;
    if (options.output === "json") context.print(jsonText(MigrationSchema, last, true));
  });
}

function migrationDetail(migration: Migration, { columns: width, colors }: Screen): string[] {
  const shown: [string, string][] = [
    ["Id", migration.id],
    ["Container", migration.containerName],
    ["From", migration.sourceNodeName],
    ["To", migration.targetNodeName],
    ["Trigger", triggerWord(migration.trigger)],
    ["Request", migration.requestId],
    ["Outcome", outcomeWord(migration.outcome)],
    ["State", migration.state],
    ["In the queue", migration.queuePosition === 0 ? "" : `number ${migration.queuePosition}: ${migration.waitingFor}`],
    ["Started", timeText(migration.startedAt)],
    ["Ended", timeText(migration.endedAt)],
    ["Without service", secondsText(migration.downtimeMs)],
    ["Error", [migration.errorCode, migration.errorMessage].filter(Boolean).join(": ")],
    ["Target because", migration.decision?.summary ?? ""],
  ];
  const facts = factLines(shown, colors);
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
  return [
    ...facts,
    ...(migration.steps.length === 0 ? [] : ["", ...steps]),
    ...(migration.decision === undefined ? [] : ["", ...candidateLines(migration.decision, width)]),
  ];
}
