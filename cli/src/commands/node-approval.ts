import { type Node, NodeSchema } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import type { Command } from "commander";
import type { CliContext } from "../cli-context.ts";
import { jsonText } from "../output/json-output.ts";
import { plainText } from "../output/plain-text.ts";
import type { Column } from "../output/table.ts";
import { timeText } from "../output/wording.ts";
import { type ApiOptions, apiCommand } from "./api-command.ts";
import { withPrefix } from "./id-prefix.ts";

/** Nodes that wait to be let in. */
export const pendingColumns: Column<Node>[] = [
  { title: "NAME", value: (node) => node.name },
  { title: "CLUSTER", value: (node) => node.clusterName },
  { title: "ADDRESS", value: (node) => node.address },
  { title: "KEY", value: (node) => node.approval?.keyFingerprint ?? "" },
  { title: "ASKED", value: (node) => timeText(node.approval?.askedAt) },
  { title: "UNTIL", value: (node) => timeText(node.approval?.until) },
];

/** `lormas node approve|deny`. */
export function addNodeApprovalCommands(group: Command, context: CliContext): void {
  apiCommand(
    group,
    "approve <node>",
    "let a node in that awaits approval; compare its key with its agent's log first",
    "lormas node approve host-1",
  )
    .option("--key <fingerprint>", "only if its key has this fingerprint (SHA256:…)")
    .action(async (given: string, options: ApiOptions & { key?: string }) => {
      const api = context.api(options);
      const { node } = await withPrefix(api, "node", given, "strict", (id) =>
        api.nodes.approveNode({ id, keyFingerprint: options.key ?? "" }),
      );
      if (node === undefined) return;
      if (options.output === "json") context.print(jsonText(NodeSchema, node, true));
      else
        context.print(
          plainText(`${node.name} is let in; its agent is here within seconds: lormas node show ${node.name}`),
        );
    });
  apiCommand(group, "deny <node>", "turn a node away that awaits approval", "lormas node deny host-1").action(
    async (given: string, options: ApiOptions) => {
      const api = context.api(options);
      const name = await withPrefix(api, "node", given, "strict", async (id) => {
        const { node } = await api.nodes.getNode({ id });
        await api.nodes.denyNode({ id: node?.id ?? id });
        return node?.name ?? id;
      });
      if (options.output === "json") context.print("{}");
      else context.print(plainText(`${name} is turned away; its agent is told so, and its name is free`));
    },
  );
}
