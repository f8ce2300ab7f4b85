import { create } from "@bufbuild/protobuf";
import { type Alert, AlertSchema } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { ListAlertsResponseSchema } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import type { Command } from "commander";
import type { CliContext } from "../cli-context.ts";
import { CliFailure } from "../cli-failure.ts";
import { exitCode } from "../exit-code.ts";
import { jsonText } from "../output/json-output.ts";
import { wholeNumber } from "../output/quantity.ts";
import { type Column, factLines, tableLines } from "../output/table.ts";
import { alertSeverityWord, alertStateWord, timeText } from "../output/wording.ts";
import { allPages } from "./all-pages.ts";
import { type ApiOptions, apiCommand } from "./api-command.ts";
import { withPrefix } from "./id-prefix.ts";
import { showView, type View, type ViewOptions, watchable } from "./view.ts";

const columns: Column<Alert>[] = [
  { title: "OPENED", value: (alert) => timeText(alert.openedAt) },
  { title: "SEVERITY", value: (alert) => alertSeverityWord(alert.severity), state: true },
  { title: "STATE", value: (alert) => alertStateWord(alert.state) },
  { title: "KIND", value: (alert) => alert.kind },
  { title: "ABOUT", value: (alert) => alert.subjectName || alert.subjectId },
  { title: "TIMES", value: (alert) => String(alert.count), right: true },
  { title: "MESSAGE", value: (alert) => alert.message },
  { title: "ID", value: (alert) => alert.id },
];

/** `lormas alert …`. */
export function addAlertCommands(program: Command, context: CliContext): void {
  const group = program.command("alert").description("what is wrong, until it is not");
  watchable(apiCommand(group, "ls", "list alerts, newest first", "lormas alert ls --all"))
    .alias("list")
    .option("--all", "resolved ones as well, of the last 30 days")
    .option("--limit <count>", "at most this many", wholeNumber(1, 100_000), 100)
    .action(async (options: ViewOptions & { all?: boolean; limit: number }) => {
      await showView(context, options, async (api) => {
        const alerts = await allPages(async (page) => {
          const answer = await api.alerts.listAlerts({ ...page, includeResolved: options.all === true });
          return { things: answer.alerts, nextPageToken: answer.nextPageToken };
        }, options.limit);
        return {
          json: (indent) => jsonText(ListAlertsResponseSchema, create(ListAlertsResponseSchema, { alerts }), indent),
          lines: (screen) =>
            alerts.length === 0 ? ["Nothing is wrong."] : tableLines(columns, alerts, screen.columns, screen.colors),
        };
      });
    });
  watchable(apiCommand(group, "show <alert>", "show one alert and what to do", "lormas alert show 0199c2b4-…")).action(
    async (given: string, options: ViewOptions) => {
      await showView(context, options, async (api) => {
        const { alert } = await withPrefix(api, "alert", given, "loose", (id) => api.alerts.getAlert({ id }));
        return viewOf(alert, given);
      });
    },
  );
  apiCommand(
    group,
    "ack <alert>",
    "take an alert on, so that others see that you do",
    "lormas alert ack 0199c2b4-…",
  ).action(async (given: string, options: ApiOptions) => {
    await showView(context, options, async (api) => {
      const { alert } = await withPrefix(api, "alert", given, "loose", (id) => api.alerts.acknowledgeAlert({ id }));
      return viewOf(alert, given);
    });
  });
}

function viewOf(alert: Alert | undefined, given: string): View {
  if (alert === undefined) throw new CliFailure(exitCode.notFound, `there is no alert ${given}`, "lormas alert ls");
  const by = alert.acknowledgedBy === "" ? "" : `${timeText(alert.acknowledgedAt)}, by ${alert.acknowledgedBy}`;
  const facts: [string, string][] = [
    ["Id", alert.id],
    ["Kind", alert.kind],
    ["Severity", alertSeverityWord(alert.severity)],
    ["State", alertStateWord(alert.state)],
    ["About", `${alert.subjectKind} ${alert.subjectName || alert.subjectId}`],
    ["Message", alert.message],
    ["Next", alert.nextStep],
    ["Opened", timeText(alert.openedAt)],
    ["Last noticed", `${timeText(alert.raisedAt)}, ${alert.count === 1 ? "once" : `${alert.count} times`}`],
    ["Taken on", by],
    ["Resolved", timeText(alert.resolvedAt)],
  ];
  return {
    json: (indent) => jsonText(AlertSchema, alert, indent),
    lines: ({ colors }) => factLines(facts, colors),
  };
}
