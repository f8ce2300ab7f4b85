import { open } from "node:fs/promises";
import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  type AuditEntry,
  AuditEntrySchema,
  type ExportAuditEntriesResponse,
  ListAuditEntriesResponseSchema,
} from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { type Command, Option } from "commander";
import type { CliContext } from "../cli-context.ts";
import { CliFailure } from "../cli-failure.ts";
import { exitCode } from "../exit-code.ts";
import { jsonText } from "../output/json-output.ts";
import { type Moment, moment, wholeNumber } from "../output/quantity.ts";
import { type Column, tableLines } from "../output/table.ts";
import { timeText } from "../output/wording.ts";
import { allPages } from "./all-pages.ts";
import { type ApiOptions, apiCommand } from "./api-command.ts";
import { ofRequest, type RequestOption } from "./request-option.ts";

interface FilterOptions extends ApiOptions, RequestOption {
  readonly actor?: string;
  readonly method?: string;
  readonly object?: string;
  readonly decision?: string;
  readonly since?: Moment;
  readonly until?: Moment;
}

const columns: Column<AuditEntry>[] = [
  { title: "AT", value: (entry) => timeText(entry.at) },
  { title: "WHO", value: (entry) => whoText(entry) },
  { title: "FROM", value: (entry) => entry.address },
  { title: "METHOD", value: (entry) => entry.method },
  {
    title: "OBJECT",
    value: (entry) => [entry.objectKind, entry.objectName || entry.objectId].filter(Boolean).join(" "),
  },
  { title: "DECISION", value: (entry) => `${entry.decision}${entry.count > 1 ? ` ×${entry.count}` : ""}` },
  { title: "OUTCOME", value: (entry) => entry.outcome || "not known" },
  { title: "REQUEST", value: (entry) => entry.requestId },
];

/** `lormas audit …`. */
export function addAuditCommands(program: Command, context: CliContext): void {
  const group = program.command("audit").description("who changed or tried what");
  filtered(apiCommand(group, "ls", "list the audit trail, newest first", "lormas audit ls --object web --since 2h"))
    .alias("list")
    .option("--limit <count>", "how many of the newest, up to 10,000", wholeNumber(1, 10_000), 100)
    .action(async (options: FilterOptions & { limit: number }) => {
      const { audit } = context.api(options);
      const filter = filterOf(options, context.clock.wallMs());
      const entries = await allPages(async (page) => {
        const answer = await audit.listAuditEntries({ ...filter, ...page });
        return { things: answer.entries, nextPageToken: answer.nextPageToken };
      }, options.limit);
      if (options.output === "json") {
        context.print(
          jsonText(ListAuditEntriesResponseSchema, create(ListAuditEntriesResponseSchema, { entries }), true),
        );
      } else for (const line of tableLines(columns, entries, context.columns())) context.print(line);
    });
  filtered(
    apiCommand(
      group,
      "export",
      "write the audit trail as NDJSON, oldest first: one JSON object a line, whatever -o says",
      "lormas audit export --since 30d -f audit.ndjson",
    ),
  )
    .option("-f, --file <file>", "into this file, which must not exist yet; default: the standard output")
    .action(async (options: FilterOptions & { file?: string }) => {
      const request = filterOf(options, context.clock.wallMs());
      const entries = context.api(options).streams.audit.exportAuditEntries(request);
      if (options.file === undefined) {
        for await (const { entry } of entries) if (entry !== undefined) context.print(lineOf(entry));
      } else context.warn(`${await writeFile(options.file, entries)} entries are in ${options.file}`);
    });
}

/** A file is readable by its owner alone: it says who did what from where. */
async function writeFile(path: string, entries: AsyncIterable<ExportAuditEntriesResponse>): Promise<number> {
  const file = await open(path, "wx", 0o600).catch((error: NodeJS.ErrnoException) => {
    throw new CliFailure(
      exitCode.failed,
      `${path} cannot be made: ${error.message}`,
      "name another file with -f",
      error,
    );
  });
  let count = 0;
  try {
    for await (const { entry } of entries) {
      if (entry === undefined) continue;
      await file.write(`${lineOf(entry)}\n`);
      count += 1;
    }
  } finally {
    await file.close();
  }
  return count;
}

const lineOf = (entry: AuditEntry): string => jsonText(AuditEntrySchema, entry, false);

function filtered(command: Command): Command {
  return ofRequest(command)
    .option("--actor <actor>", "only of this user, token, or token that begins so (name, id or prefix)")
    .option("--method <method>", 'only this, such as "StopContainer" or "auth/sign-in"')
    .option("--object <object>", "only about this (name or id)")
    .addOption(new Option("--decision <decision>", "only what was decided so").choices(["allowed", "denied"]))
    .option("--since <time>", 'from then on: "2h" or "30d" ago, or "2026-11-21T11:30:00Z"', moment)
    .option("--until <time>", "before then, said in the same way", moment);
}

function filterOf(options: FilterOptions, nowMs: number) {
  const { actor = "", method = "", object = "", decision = "", request = "", since, until } = options;
  return {
    ...{ actor, method, object, decision, request },
    ...(since === undefined ? {} : { from: timestampFromDate(since(nowMs)) }),
    ...(until === undefined ? {} : { to: timestampFromDate(until(nowMs)) }),
  };
}

function whoText({ actorKind, actorName }: AuditEntry): string {
  return actorName === "" || actorKind === "administrator" ? actorKind : `${actorKind} ${actorName}`;
}
