import type { WhatIf, WhatIfContainer } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { WhatIfResponseSchema } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import type { Command } from "commander";
import type { CliContext } from "../cli-context.ts";
import { jsonText } from "../output/json-output.ts";
import { plainText } from "../output/plain-text.ts";
import { type Column, tableLines } from "../output/table.ts";
import { boundText, timeText } from "../output/wording.ts";
import { apiCommand } from "./api-command.ts";
import { withPrefix } from "./id-prefix.ts";
import { showView, type ViewOptions, watchable } from "./view.ts";

const nodeColumns: Column<WhatIf>[] = [
  { title: "IF IT DIES", value: (node) => node.nodeName },
  { title: "CLUSTER", value: (node) => node.clusterName },
  { title: "N+1", value: (node) => (node.holds ? "holds" : "lost"), state: true },
  {
    title: "MOVE",
    value: (node) => String(node.containerCount - node.withoutPlaceCount - node.waitingCount),
    right: true,
  },
  { title: "NO PLACE", value: (node) => String(node.withoutPlaceCount), right: true },
  { title: "WAIT FOR IT", value: (node) => String(node.waitingCount), right: true },
  {
    title: "WITHOUT A PLACE",
    value: (node) => {
      const more = node.withoutPlaceCount - node.withoutPlace.length;
      return `${node.withoutPlace.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
    },
  },
];

const containerColumns: Column<WhatIfContainer>[] = [
  { title: "CONTAINER", value: (container) => container.containerName },
  { title: "GOES TO", value: (container) => container.targetNodeName || "-" },
  {
    title: "DOWN AT MOST",
    value: (container) => (container.blocker ? "" : boundText(container.downtimeMs)),
    right: true,
  },
  {
    title: "MADE OF",
    value: (container) => container.downtimeTerms.map(({ name, ms }) => `${name} ${boundText(ms)}`).join(" + "),
  },
  { title: "BLOCKED BY", value: (container) => container.blocker },
];

/** `lormas whatif`. */
export function addWhatIfCommand(program: Command, context: CliContext): void {
  watchable(
    apiCommand(
      program,
      "whatif [node]",
      "what would become of the HA containers if a node died now: of one node, or of each in short. MOVE: they would start elsewhere; NO PLACE: no other node has room; WAIT FOR IT: they do not move by themselves",
      "lormas whatif node-1",
    ),
  ).action(async (given: string | undefined, options: ViewOptions) => {
    await showView(context, options, async (api) => {
      const answer = await withPrefix(api, "node", given ?? "", "loose", (node) => api.nodes.whatIf({ node }), "node");
      return {
        json: (indent) => jsonText(WhatIfResponseSchema, answer, indent),
        lines: ({ columns, colors }) => [
          ...(given === undefined
            ? tableLines(nodeColumns, answer.nodes, columns, colors)
            : tableLines(containerColumns, answer.nodes[0]?.containers ?? [], columns, colors)),
          plainText(answer.summary),
          // An older coordinator does not say.
          ...(answer.asOf === undefined ? [] : [`as of ${timeText(answer.asOf)}`]),
        ],
      };
    });
  });
}
