import { create } from "@bufbuild/protobuf";
import { type Event, EventSchema } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { ListEventsResponseSchema } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import type { Command } from "commander";
import type { CliContext } from "../cli-context.ts";
import { followChanges } from "../client/change-feed.ts";
import { jsonText } from "../output/json-output.ts";
import { plainText } from "../output/plain-text.ts";
import { wholeNumber } from "../output/quantity.ts";
import { timeText } from "../output/wording.ts";
import { type ApiOptions, apiCommand } from "./api-command.ts";
import { withPrefix } from "./id-prefix.ts";
import { ofRequest, type RequestOption } from "./request-option.ts";

interface EventsOptions extends ApiOptions, RequestOption {
  readonly follow?: boolean;
  readonly limit: number;
  readonly container?: string;
  readonly node?: string;
}

/** `lormas events`. */
export function addEventsCommand(program: Command, context: CliContext): void {
  ofRequest(apiCommand(program, "events", "show what happened, oldest first", "lormas events -f"))
    .option("-f, --follow", "go on with what happens, until Ctrl-C")
    .option("--limit <count>", "how many of the newest first, up to 1,000", wholeNumber(1, 1000), 100)
    .option("--container <container>", "only events of this container (name or id)")
    .option("--node <node>", "only events of this node (name or id)")
    .action(async (options: EventsOptions) => {
      const api = context.api(options);
      const { request = "" } = options;
      const list = (container: string) =>
        withPrefix(
          api,
          "node",
          options.node ?? "",
          "loose",
          (node) => api.events.listEvents({ container, node, request, pageSize: options.limit, latest: true }),
          "node",
        );
      const past = await withPrefix(api, "container", options.container ?? "", "loose", list, "container");
      const follow = options.follow === true;
      if (options.output === "json" && !follow) {
        context.print(jsonText(ListEventsResponseSchema, create(ListEventsResponseSchema, past), true));
        return;
      }
      const show = (event: Event) =>
        context.print(options.output === "json" ? jsonText(EventSchema, event, false) : eventLine(event));
      for (const event of past.events) show(event);
      if (!follow) return;
      const isWanted = await eventFilter(context, options);
      for await (const change of followChanges(api, context.clock, past.asOf, context.interrupted())) {
        if (change.event !== undefined && isWanted(change.event)) show(change.event);
      }
    });
}

/** Names become ids first: a stream carries ids only. */
async function eventFilter(context: CliContext, options: EventsOptions): Promise<(event: Event) => boolean> {
  const api = context.api(options);
  const { container: containerName, node: nodeName, request } = options;
  const getContainer = (id: string) => api.containers.getContainer({ id });
  const getNode = (id: string) => api.nodes.getNode({ id });
  const container =
    containerName && (await withPrefix(api, "container", containerName, "loose", getContainer)).container?.id;
  const node = nodeName && (await withPrefix(api, "node", nodeName, "loose", getNode)).node?.id;
  return (event) =>
    (container === undefined || event.containerId === container) &&
    (node === undefined || event.nodeId === node) &&
    (request === undefined || event.requestId === request);
}

/** An event on a line. */
export function eventLine(event: Event): string {
  const severity = event.severity === "info" ? "" : ` ${event.severity.toUpperCase()}`;
  return plainText(`${timeText(event.at)}  ${event.type.padEnd(24)}${severity}  ${event.message}`);
}
