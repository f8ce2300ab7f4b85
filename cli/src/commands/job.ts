import { create } from "@bufbuild/protobuf";
import { type Event, EventSchema } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import {
  type Job,
  type JobProgress,
  type JobResult,
  JobSchema,
  type ListEventsResponse,
  ListEventsResponseSchema,
  ListJobsResponseSchema,
} from "@lormas/gen/lormas/api/v1/services_pb.ts";
import type { Command } from "commander";
import type { CliContext } from "../cli-context.ts";
import { CliFailure } from "../cli-failure.ts";
import type { ApiClient } from "../client/api-client.ts";
import { followChanges } from "../client/change-feed.ts";
import type { Clock } from "../clock.ts";
import { exitCode } from "../exit-code.ts";
import { jsonText } from "../output/json-output.ts";
import { wholeNumber } from "../output/quantity.ts";
import { type Column, factLines, tableLines } from "../output/table.ts";
import { jobStateWord, secondsText, timeText } from "../output/wording.ts";
import { allPages } from "./all-pages.ts";
import { type ApiOptions, apiCommand } from "./api-command.ts";
import { eventLine } from "./events.ts";
import { ofRequest, type RequestOption, withRequest } from "./request-option.ts";
import { showView, type ViewOptions, watchable } from "./view.ts";

const columns: Column<Job>[] = [
  { title: "ASKED", value: (job) => timeText(job.createdAt) },
  { title: "CONTAINER", value: (job) => job.containerName },
  { title: "JOB", value: (job) => job.kind },
  { title: "STATE", value: (job) => jobStateWord(job.state), state: true },
  { title: "STEP", value: (job) => stepText(job.progress) },
  { title: "BY", value: (job) => job.requestedBy },
  { title: "ENDED", value: (job) => timeText(job.endedAt) },
  { title: "ERROR", value: (job) => job.error },
  { title: "ID", value: (job) => job.id },
];

/** `lormas job …`. */
export function addJobCommands(program: Command, context: CliContext): void {
  const group = program.command("job").description("what was asked of containers, and how it ended");
  watchable(ofRequest(apiCommand(group, "ls", "list jobs, newest first", "lormas job ls --container web")))
    .alias("list")
    .option("--container <container>", "only those of this container (its id, or the name that it has or had)")
    .option("--active", "only those under way")
    .option("--filter <filter>", "only those that fit, such as 'kind = migrate AND state = failed' (docs/api.md)", "")
    .option("--limit <count>", "at most this many", wholeNumber(1, 100_000), 100)
    .action(async (options: ListOptions) => {
      await showView(context, options, async (api) => {
        const { container = "", active = false } = options;
        const filter = withRequest(options.filter, options);
        const jobs = await allPages(async (page) => {
          const answer = await api.jobs.listJobs({ ...page, container, activeOnly: active, filter });
          return { things: answer.jobs, nextPageToken: answer.nextPageToken };
        }, options.limit);
        return {
          json: (indent) => jsonText(ListJobsResponseSchema, create(ListJobsResponseSchema, { jobs }), indent),
          lines: (screen) => tableLines(columns, jobs, screen.columns, screen.colors),
        };
      });
    });
  watchable(
    apiCommand(group, "show <job>", "show one job (id): how far it has come, or what it came to", "lormas job show ID"),
  ).action(async (id: string, options: ViewOptions) => {
    await showView(context, options, async (api) => {
      const { job } = await api.jobs.getJob({ id });
      if (job === undefined) throw new CliFailure(exitCode.notFound, `there is no job ${id}`, "lormas job ls");
      return {
        json: (indent) => jsonText(JobSchema, job, indent),
        lines: ({ colors }) => factLines(jobFacts(job), colors),
      };
    });
  });
  apiCommand(
    group,
    "logs <job>",
    "show what happened to the container from when the job (id) was asked for until it ended, oldest first",
    "lormas job logs ID",
  )
    .option("-f, --follow", "all of it, and on until the job has ended, or Ctrl-C")
    .option("--limit <count>", "without -f: at most this many, from the first", wholeNumber(1, 100_000), 10_000)
    .action(async (id: string, options: LogsOptions) => {
      const api = context.api(options);
      const isJson = options.output === "json";
      const show = (event: Event) => context.print(isJson ? jsonText(EventSchema, event, false) : eventLine(event));
      if (options.follow === true) {
        await followJob(api, id, context.clock, context.interrupted(), show);
        return;
      }
      const log = create(ListEventsResponseSchema);
      for await (const page of logPages(api, id, 0n)) {
        log.asOf = page.asOf;
        log.events.push(...page.events.slice(0, options.limit - log.events.length));
        if (log.events.length >= options.limit) break;
      }
      if (isJson) context.print(jsonText(ListEventsResponseSchema, log, true));
      else for (const event of log.events) show(event);
    });
}

interface ListOptions extends ViewOptions, RequestOption {
  readonly container?: string;
  readonly active?: boolean;
  readonly filter: string;
  readonly limit: number;
}

interface LogsOptions extends ApiOptions {
  readonly follow?: boolean;
  readonly limit: number;
}

/** Shows all of a job's log, and what follows until it has ended. */
async function followJob(
  api: ApiClient,
  id: string,
  clock: Clock,
  signal: AbortSignal,
  show: (event: Event) => void,
): Promise<void> {
  let last = 0n;
  let asOf = 0n;
  const showRest = async () => {
    for await (const page of logPages(api, id, last)) {
      for (const event of page.events) show(event);
      last = page.events.at(-1)?.sequence ?? last;
      asOf = page.asOf;
    }
  };
  await showRest();
  const { job } = await api.jobs.getJob({ id });
  if (job?.endedAt === undefined) {
    const over = new AbortController();
    for await (const { event, jobs } of followChanges(api, clock, asOf, AbortSignal.any([signal, over.signal]))) {
      const now = jobs.find((one) => one.id === job?.id);
      if (now === undefined || event === undefined) continue;
      // A change tells of jobs as they are by now: what is left of its log is listed.
      if (now.endedAt !== undefined) over.abort();
      if (over.signal.aborted) continue;
      show(event);
      last = event.sequence;
    }
  }
  if (!signal.aborted) await showRest();
}

/** A job's log behind the event of this number, page after page. */
async function* logPages(api: ApiClient, job: string, after: bigint): AsyncGenerator<ListEventsResponse> {
  const pageSize = 1_000;
  for (let from = after; ; ) {
    const page = await api.events.listEvents({ job, after: from, pageSize });
    yield page;
    if (page.events.length < pageSize) return;
    from = page.events.at(-1)?.sequence ?? from;
  }
}

function jobFacts(job: Job): [string, string][] {
  return [
    ["Id", job.id],
    ["Job", job.kind],
    ["Container", job.containerName],
    ["Asked by", job.requestedBy],
    ["Request", job.requestId],
    ["Asked", timeText(job.createdAt)],
    ["State", jobStateWord(job.state)],
    ["Step", stepText(job.progress)],
    ["Waits", job.progress?.detail ?? ""],
    ["Ended", timeText(job.endedAt)],
    ["Result", resultText(job.result)],
    ["Without service", secondsText(job.result?.downtimeMs)],
    ["Migration", job.migrationId],
    ["Error", job.error],
  ];
}

/** "stopping source, 3 of 9 done"; empty when there is none. */
export function stepText(progress: JobProgress | undefined): string {
  if (progress === undefined || progress.step === "") return "";
  const { step, stepsDone, stepsTotal } = progress;
  const count = stepsTotal > 1 ? `, ${stepsDone} of ${stepsTotal} done` : "";
  return `${step.replaceAll("_", " ")}${count}`;
}

/** "running on node-2 as epoch 4, from node-1"; empty when there is none. */
export function resultText(result: JobResult | undefined): string {
  if (result === undefined) return "";
  const { reached, nodeId, nodeName, epoch, sourceNodeId, sourceNodeName } = result;
  const where = nodeId === "" ? "" : ` on ${nodeName || nodeId}`;
  const copy = epoch === 0n ? "" : ` as epoch ${epoch}`;
  const from = sourceNodeId === "" ? "" : `, from ${sourceNodeName || sourceNodeId}`;
  return `${reached}${where}${copy}${from}`;
}
