import { create } from "@bufbuild/protobuf";
import { DutyState, type Node, NodeSchema } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { CreateJoinTokenResponseSchema, ListNodesResponseSchema } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import type { Command } from "commander";
import type { CliContext } from "../cli-context.ts";
import { CliFailure } from "../cli-failure.ts";
import { exitCode } from "../exit-code.ts";
import { jsonText } from "../output/json-output.ts";
import { type Column, factLines, tableLines } from "../output/table.ts";
import { bytesText, coresText, dutyWord, nodeStatusWord, resourcesText, timeText } from "../output/wording.ts";
import { allPages } from "./all-pages.ts";
import { type ApiOptions, apiCommand } from "./api-command.ts";
import { addNodeDutyCommands, dutyLines } from "./node-duty.ts";

const columns: Column<Node>[] = [
  { title: "NAME", value: (node) => node.name },
  { title: "STATUS", value: (node) => nodeStatusWord(node.status) },
  { title: "DUTY", value: (node) => dutyWord(node.duty?.state ?? 0) },
  { title: "CLUSTER", value: (node) => node.clusterName },
  { title: "RUNTIME", value: (node) => node.runtime },
  { title: "ADDRESS", value: (node) => node.address },
  { title: "CONTAINERS", value: (node) => String(node.containerCount), right: true },
  {
    title: "CPU",
    value: (node) => `${coresText(node.allocated?.cpuMillis ?? 0)}/${coresText(node.capacity?.cpuMillis ?? 0)}`,
  },
  {
    title: "MEMORY",
    value: (node) => `${bytesText(node.allocated?.memoryBytes ?? 0)} / ${bytesText(node.capacity?.memoryBytes ?? 0)}`,
  },
  { title: "LAST HEARTBEAT", value: (node) => timeText(node.lastHeartbeat) || "never" },
];

/** `lormas node …`. */
export function addNodeCommands(program: Command, context: CliContext): void {
  const group = program.command("node").description("hosts with an agent");
  apiCommand(group, "ls", "list nodes", "lormas node ls --cluster local")
    .option("--cluster <cluster>", "only nodes of this cluster (name or id)")
    .action(async (options: ApiOptions & { cluster?: string }) => {
      const api = context.api(options);
      const nodes = await allPages(async (page) => {
        const answer = await api.nodes.listNodes({ ...page, cluster: options.cluster ?? "" });
        return { things: answer.nodes, nextPageToken: answer.nextPageToken };
      });
      if (options.output === "json") {
        context.print(jsonText(ListNodesResponseSchema, create(ListNodesResponseSchema, { nodes }), true));
      } else for (const line of tableLines(columns, nodes, context.columns())) context.print(line);
    });
  apiCommand(group, "show <node>", "show one node (name or id)", "lormas node show node-1").action(
    async (id: string, options: ApiOptions) => {
      const { node } = await context.api(options).nodes.getNode({ id });
      if (node === undefined) throw new CliFailure(exitCode.notFound, `there is no node ${id}`, "lormas node ls");
      if (options.output === "json") context.print(jsonText(NodeSchema, node, true));
      else for (const line of [...factLines(nodeFacts(node)), ...busyLines(node, context)]) context.print(line);
    },
  );
  addNodeDutyCommands(group, context);
  apiCommand(group, "token", "make a one-time join token, valid for ten minutes", "lormas node token --cluster local")
    .option("--cluster <cluster>", "the cluster that the node joins (name or id)", "local")
    .action(async (options: ApiOptions & { cluster: string }) => {
      const answer = await context.api(options).nodes.createJoinToken({ cluster: options.cluster });
      if (options.output === "json") {
        context.print(jsonText(CreateJoinTokenResponseSchema, answer, true));
        return;
      }
      context.print(answer.token);
      context.warn(`Valid once, until ${timeText(answer.expiresAt)}; agents dial ${answer.coordinatorAddress}.`);
    });
}

/** The progress of an emptying, where there is one. */
function busyLines(node: Node, context: CliContext): string[] {
  return (node.duty?.state ?? 0) <= DutyState.CORDONED ? [] : ["", ...dutyLines(node, context.columns())];
}

function nodeFacts(node: Node): [string, string][] {
  return [
    ["Name", node.name],
    ["Id", node.id],
    ["Cluster", node.clusterName],
    ["Status", nodeStatusWord(node.status)],
    ["Duty", dutyWord(node.duty?.state ?? 0)],
    ["Last heartbeat", timeText(node.lastHeartbeat) || "never"],
    ["Address", node.address],
    ["Runtime", node.runtime],
    ["Platform", [node.platform, node.architecture].filter(Boolean).join(", ")],
    ["Agent", node.agentVersion],
    ["Guarded", node.guarded ? "yes" : "no"],
    ["Capacity", resourcesText(node.capacity)],
    ["Allocated", resourcesText(node.allocated)],
    ["In use", resourcesText(node.usage)],
    ["Containers", String(node.containerCount)],
    ["Session", String(node.session)],
    ["Enrolled", timeText(node.enrolledAt)],
  ];
}
