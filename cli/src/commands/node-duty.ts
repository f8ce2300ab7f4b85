import { timestampMs } from "@bufbuild/protobuf/wkt";
import { DutyState, type Node, NodeSchema } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import type { Command } from "commander";
import type { CliContext } from "../cli-context.ts";
import { CliFailure } from "../cli-failure.ts";
import type { ApiClient } from "../client/api-client.ts";
import { exitCode } from "../exit-code.ts";
import { jsonText } from "../output/json-output.ts";
import { plainText } from "../output/plain-text.ts";
import { durationSeconds } from "../output/quantity.ts";
import { tableLines } from "../output/table.ts";
import { dutyWord, timeText } from "../output/wording.ts";
import { type ApiOptions, apiCommand } from "./api-command.ts";
import { withPrefix } from "./id-prefix.ts";
import { untilOver, type WaitOptions, waitable } from "./wait.ts";

type Answer = { readonly node?: Node | undefined; readonly warnings?: readonly string[] };
interface MaintenanceOptions extends WaitOptions {
  readonly duration?: number;
  readonly failback?: boolean;
  readonly end?: boolean;
}

/** How long --wait waits unless told, seconds. */
const WAIT_DEFAULT_S = 3_600;

/** `lormas node cordon|uncordon|drain|maintenance`. */
export function addNodeDutyCommands(group: Command, context: CliContext): void {
  apiCommand(group, "cordon <node>", "let it take nothing new; what it has stays", "lormas node cordon node-1").action(
    async (given: string, options: ApiOptions) => {
      const api = context.api(options);
      show(context, options, await withPrefix(api, "node", given, "loose", (id) => api.nodes.cordonNode({ id })));
    },
  );
  apiCommand(
    group,
    "uncordon <node>",
    "let it take containers again; ends a drain or a maintenance",
    "lormas node uncordon node-1",
  ).action(async (given: string, options: ApiOptions) => {
    const api = context.api(options);
    show(context, options, await withPrefix(api, "node", given, "loose", (id) => api.nodes.uncordonNode({ id })));
  });
  waitable(
    apiCommand(
      group,
      "drain <node>",
      "cordon it and move every HA container away; standard ones stay",
      "lormas node drain node-1 --wait",
    ),
    "it is empty",
    WAIT_DEFAULT_S,
  ).action(async (given: string, options: WaitOptions) => {
    const api = context.api(options);
    const answer = await withPrefix(api, "node", given, "strict", (id) => api.nodes.drainNode({ id }));
    await showOrWait(context, options, answer);
  });
  waitable(
    apiCommand(
      group,
      "maintenance <node>",
      "drain it, then expect it to go away; --end puts it back into service",
      "lormas node maintenance node-1 --duration 2h --failback",
    ),
    "it is empty",
    WAIT_DEFAULT_S,
  )
    .option("--duration <time>", "in service again by itself after this long (90s, 30m, 2h, 1d)", durationSeconds)
    .option("--failback", "bring back at the end what this maintenance has moved away")
    .option("--end", "end the maintenance now")
    .action(async (given: string, options: MaintenanceOptions) => {
      const api = context.api(options);
      if (options.end === true) {
        if (options.duration !== undefined || options.failback === true) {
          throw new CliFailure(exitCode.usage, "--end takes neither --duration nor --failback", "leave them out");
        }
        const ended = await withPrefix(api, "node", given, "loose", (id) => api.nodes.endMaintenance({ id }));
        return show(context, options, ended);
      }
      const { duration = 0, failback = false } = options;
      const answer = await withPrefix(api, "node", given, "strict", (id) =>
        api.nodes.startMaintenance({ id, durationSeconds: duration, failback }),
      );
      await showOrWait(context, options, answer);
    });
}

function warn(context: CliContext, { warnings = [] }: Answer): void {
  for (const warning of warnings) context.warn(plainText(`warning: ${warning}`));
}

function show(context: CliContext, options: ApiOptions, answer: Answer): void {
  warn(context, answer);
  if (answer.node === undefined) return;
  if (options.output === "json") context.print(jsonText(NodeSchema, answer.node, true));
  else for (const line of dutyLines(answer.node, context.columns())) context.print(line);
}

async function showOrWait(context: CliContext, options: WaitOptions, answer: Answer): Promise<void> {
  if (options.wait !== true || answer.node === undefined) return show(context, options, answer);
  warn(context, answer);
  const node = await untilEmpty(context, context.api(options), answer.node, options);
  if (options.output === "json") context.print(jsonText(NodeSchema, node, true));
  if (isEmpty(node)) return;
  const blocked = node.duty?.items.filter(({ state }) => state === "blocked") ?? [];
  throw new CliFailure(
    isAbandoned(node) ? exitCode.failed : exitCode.timedOut,
    isAbandoned(node)
      ? `${node.name} is not being emptied any more: somebody has put it back into service`
      : `${node.name} is not empty after ${options.timeout} s: ${blocked.length} blocked` +
          blocked.map(({ containerName, message }) => `\n  ${containerName}: ${message}`).join(""),
    isAbandoned(node)
      ? `lormas node show ${node.name}`
      : `the drain goes on: make room or stop what is blocked; lormas node uncordon ${node.name} calls it off`,
  );
}

const isEmpty = ({ duty }: Node): boolean => duty?.state === DutyState.DRAINED || duty?.state === DutyState.MAINTENANCE;
const isAbandoned = ({ duty }: Node): boolean =>
  !duty || duty.state === DutyState.IN_SERVICE || duty.state === DutyState.CORDONED;

/** Follows the node until it is empty, its drain is called off, or the time is up; prints what changes. */
async function untilEmpty(context: CliContext, api: ApiClient, first: Node, options: WaitOptions): Promise<Node> {
  let said = "";
  const node = await untilOver<Node>(context, api, {
    first,
    asOf: first.asOf,
    timeoutSeconds: options.timeout,
    of: (change) => (change.node?.id === first.id ? change.node : undefined),
    isOver: (now) => isEmpty(now) || isAbandoned(now),
    tell: (now) => {
      const lines = options.output === "json" ? [] : dutyLines(now, context.columns());
      const text = lines.join("\n");
      if (text !== said) for (const line of lines) context.print(line);
      said = text;
    },
  });
  if (isEmpty(node) || isAbandoned(node)) return node;
  return (await api.nodes.getNode({ id: first.id })).node ?? node;
}

/** What a node's duty is, and how far its emptying has come. */
export function dutyLines({ name, duty }: Node, columns: number | undefined): string[] {
  if (!duty) return [];
  const count = (state: string): number => duty.items.filter((item) => item.state === state).length;
  const head = `${name}: ${dutyWord(duty.state)}`;
  const until = duty.until ? ` until ${timeText(duty.until)}` : "";
  const who = duty.requestedBy ? `, by ${duty.requestedBy}` : "";
  const idle = duty.state === DutyState.IN_SERVICE || duty.state === DutyState.CORDONED;
  const progress = idle
    ? ""
    : `; ${duty.moved} moved, ${count("moving")} moving, ${count("waiting")} waiting, ${count("blocked")} blocked`;
  const lines = [plainText(`${head}${until}${who}${progress}`)];
  if (duty.items.length > 0) {
    const shape = [
      { title: "CONTAINER", value: (item: (typeof duty.items)[number]) => item.containerName },
      { title: "STATE", value: (item: (typeof duty.items)[number]) => item.state },
      { title: "WHY", value: (item: (typeof duty.items)[number]) => item.message },
      {
        title: "TRIED AGAIN",
        value: (item: (typeof duty.items)[number]) =>
          item.retryAt === undefined ? "" : `${new Date(timestampMs(item.retryAt)).toISOString().slice(11, 19)}Z`,
      },
    ];
    lines.push(...tableLines(shape, duty.items, columns).map((line) => `  ${line}`));
  }
  if (duty.staying.length > 0) lines.push(plainText(`  stay (standard containers): ${duty.staying.join(", ")}`));
  if (duty.resting.length > 0) lines.push(plainText(`  do not run: ${duty.resting.join(", ")}`));
  return lines;
}
