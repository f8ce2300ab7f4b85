import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { Container } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import {
  ListUsageResponseSchema,
  type LiveUsage,
  StreamUsageResponseSchema,
  type UsageIo,
  type UsageSample,
} from "@lormas/gen/lormas/api/v1/services_pb.ts";
import type { Command } from "commander";
import type { CliContext } from "../cli-context.ts";
import { CliFailure } from "../cli-failure.ts";
import { exitCode } from "../exit-code.ts";
import { jsonText } from "../output/json-output.ts";
import { type Moment, moment } from "../output/quantity.ts";
import { type Column, tableLines } from "../output/table.ts";
import { bytesText, clockText, coresText, timeText } from "../output/wording.ts";
import { type ApiOptions, apiCommand } from "./api-command.ts";
import { withPrefix } from "./id-prefix.ts";

interface StatsOptions extends ApiOptions {
  readonly watch?: boolean;
  readonly since?: Moment;
  readonly until?: Moment;
  readonly hourly?: boolean;
}

const history: Column<UsageSample>[] = [
  { title: "SINCE", value: ({ at }) => timeText(at) },
  { title: "SECONDS", value: ({ seconds }) => String(seconds), right: true },
  { title: "CORES", value: ({ cpuMillis }) => coresText(Number(cpuMillis)), right: true },
  { title: "MOST", value: ({ cpuMillisMax }) => coresText(Number(cpuMillisMax)), right: true },
  { title: "MEMORY", value: ({ memoryBytes }) => bytesText(memoryBytes), right: true },
  { title: "MOST", value: ({ memoryBytesMax }) => bytesText(memoryBytesMax), right: true },
  { title: "REPORTS", value: ({ reports }) => String(reports), right: true },
];

/** `lormas container stats`. */
export function addContainerStatsCommand(group: Command, context: CliContext): void {
  apiCommand(
    group,
    "stats <container>",
    "show what a container uses, or has used (name or id)",
    "lormas container stats web --since 6h",
  )
    .option("-w, --watch", "go on with each report, one every 10 s, until Ctrl-C")
    .option("--since <time>", 'what it has used from then on: "6h" or "20d" ago, or "2026-11-21T11:30:00Z"', moment)
    .option("--until <time>", "what it has used before then", moment)
    .option("--hourly", "by the hour, which is kept for 30 days; else finer, for a day")
    .action(async (given: string, options: StatsOptions) => {
      const api = context.api(options);
      const { container } = await withPrefix(api, "container", given, "loose", (id) =>
        api.containers.getContainer({ id }),
      );
      if (container === undefined) throw new CliFailure(exitCode.notFound, `there is no container ${given}`, "");
      const asksForPast = options.since !== undefined || options.until !== undefined || options.hourly === true;
      if (asksForPast && options.watch === true) {
        const flags = "--watch shows what it uses from now on; --since, --until and --hourly what it has used";
        throw new CliFailure(exitCode.usage, flags, "leave one of them out");
      }
      if (asksForPast) await showPast(context, container, options);
      else await showPresent(context, container, options);
    });
}

async function showPast(context: CliContext, { id }: Container, options: StatsOptions): Promise<void> {
  const nowMs = context.clock.wallMs();
  const { since, until, hourly = false } = options;
  const { samples } = await context.api(options).containers.listUsage({
    ...{ id, hourly },
    ...(since === undefined ? {} : { from: timestampFromDate(since(nowMs)) }),
    ...(until === undefined ? {} : { to: timestampFromDate(until(nowMs)) }),
  });
  if (options.output === "json") {
    context.print(jsonText(ListUsageResponseSchema, create(ListUsageResponseSchema, { samples }), true));
  } else for (const line of tableLines(history, samples, context.columns())) context.print(line);
}

async function showPresent(context: CliContext, container: Container, options: StatsOptions): Promise<void> {
  const done = new AbortController();
  const signal = AbortSignal.any([context.interrupted(), done.signal]);
  const { containers } = context.api(options).streams;
  try {
    for await (const response of containers.streamUsage({ id: container.id }, { signal })) {
      if (options.output === "json") context.print(jsonText(StreamUsageResponseSchema, response, false));
      else context.print(usageLine(container, response.usage));
      if (options.watch !== true) break;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    done.abort();
  }
}

/** "11:30:10.000Z  web  0.12 of 1 cores  31.2 MiB of 256 MiB". */
function usageLine({ name, resources }: Container, usage: LiveUsage | undefined): string {
  if (usage === undefined) return `${name}: nothing was reported within the last minute; does it run?`;
  const cores = `${coresText(Number(usage.cpuMillis))} of ${coresText(resources?.cpuMillis ?? 0)} cores`;
  const memory = `${bytesText(usage.memoryBytes)} of ${bytesText(resources?.memoryBytes ?? 0n)}`;
  return `${clockText(usage.at)}  ${name}  ${cores}  ${memory}${usage.io === undefined ? "" : ioText(usage.io)}`;
}

function ioText({ networkReceivedBytes, networkSentBytes, diskReadBytes, diskWrittenBytes }: UsageIo): string {
  const network = `network ${bytesText(networkReceivedBytes)} in, ${bytesText(networkSentBytes)} out`;
  return `  ${network}  disk ${bytesText(diskReadBytes)} read, ${bytesText(diskWrittenBytes)} written`;
}
