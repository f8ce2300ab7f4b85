import { create } from "@bufbuild/protobuf";
import { DutyState, type Node, NodeSchema } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { CreateJoinTokenResponseSchema, ListNodesResponseSchema } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import type { Command } from "commander";
import type { CliContext } from "../cli-context.ts";
import { CliFailure } from "../cli-failure.ts";
import { sendNamed } from "../client/named-request.ts";
import { exitCode } from "../exit-code.ts";
import { joinLine } from "../output/join-line.ts";
import { jsonText } from "../output/json-output.ts";
import { plainText } from "../output/plain-text.ts";
import { wholeNumber } from "../output/quantity.ts";
import { type Column, factLines, tableLines } from "../output/table.ts";
import { bytesText, coresText, dutyWord, nodeStatusWord, resourcesText, timeText } from "../output/wording.ts";
import { allPages } from "./all-pages.ts";
import { type ApiOptions, apiCommand } from "./api-command.ts";
import { type DryRunOptions, triable } from "./dry-run.ts";
import { withPrefix } from "./id-prefix.ts";
import { addNodeApprovalCommands, pendingColumns } from "./node-approval.ts";
import { addNodeDutyCommands, dutyLines } from "./node-duty.ts";
import { labelChange, labelsText } from "./node-label.ts";
import { addNodeLeavingCommands } from "./node-leaving.ts";
import { collected } from "./repeated-option.ts";
import { showView, type ViewOptions, watchable } from "./view.ts";

const columns: Column<Node>[] = [
  { title: "NAME", value: (node) => node.name },
  { title: "STATUS", value: statusOf, state: true },
  { title: "DUTY", value: (node) => dutyWord(node.duty?.state ?? 0), state: true },
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

interface LsOptions extends ViewOptions {
  readonly cluster?: string;
  readonly pending?: boolean;
  readonly filter: string;
  readonly orderBy: string;
}

interface UpdateOptions extends ApiOptions, DryRunOptions {
  readonly priority?: number;
  readonly label?: readonly string[];
  readonly name?: string;
  readonly cluster?: string;
}

function statusOf(node: Node): string {
  return node.approval === undefined ? nodeStatusWord(node.status) : "awaits approval";
}

/** `lormas node …`. */
export function addNodeCommands(program: Command, context: CliContext): void {
  const group = program.command("node").description("hosts with an agent");
  watchable(apiCommand(group, "ls", "list nodes", "lormas node ls --cluster local"))
    .option("--cluster <cluster>", "only nodes of this cluster (name or id)")
    .option("--pending", "only those that wait to be let in, with their keys")
    .option(
      "--filter <filter>",
      "only those that fit, such as 'labels.zone = east AND status != dead' (docs/api.md)",
      "",
    )
    .option("--order-by <field>", "name, priority or enrolled_at; 'name desc' for the other way round", "")
    .action(async (options: LsOptions) => {
      await showView(context, options, async (api) => {
        const list = (cluster: string) =>
          allPages(async (page) => {
            const { filter, orderBy } = options;
            const answer = await api.nodes.listNodes({ ...page, cluster, filter, orderBy });
            return { things: answer.nodes, nextPageToken: answer.nextPageToken };
          });
        const all = await withPrefix(api, "cluster", options.cluster ?? "", "loose", list, "cluster");
        const { pending = false } = options;
        const nodes = pending ? all.filter(({ approval }) => approval !== undefined) : all;
        return {
          json: (indent) => jsonText(ListNodesResponseSchema, create(ListNodesResponseSchema, { nodes }), indent),
          lines: (screen) => tableLines(pending ? pendingColumns : columns, nodes, screen.columns, screen.colors),
        };
      });
    });
  watchable(apiCommand(group, "show <node>", "show one node (name or id)", "lormas node show node-1")).action(
    async (given: string, options: ViewOptions) => {
      await showView(context, options, async (api) => {
        const { node } = await withPrefix(api, "node", given, "loose", (id) => api.nodes.getNode({ id }));
        if (node === undefined) throw new CliFailure(exitCode.notFound, `there is no node ${given}`, "lormas node ls");
        return {
          json: (indent) => jsonText(NodeSchema, node, indent),
          lines: ({ columns: width, colors }) => [...factLines(nodeFacts(node), colors), ...busyLines(node, width)],
        };
      });
    },
  );
  triable(
    apiCommand(group, "update <node>", "change what is given of it", "lormas node update node-1 --label zone=east"),
  )
    .option(
      "--priority <number>",
      "0 to 20: placement prefers the node with the lower one (default: 10)",
      wholeNumber(0, 20),
    )
    .option(
      "--label <key=value>",
      "set a label, or take it away with a dash: --label zone-; may be given again",
      collected,
    )
    .option("--name <name>", "another name; its agent keeps the old one in its own log")
    .option("--cluster <cluster>", "another cluster (name or id), once it is drained and its agent has stopped")
    .action(async (given: string, options: UpdateOptions) => {
      const { priority, label = [], name, cluster } = options;
      if (priority === undefined && label.length === 0 && name === undefined && cluster === undefined) {
        throw new CliFailure(exitCode.usage, "nothing to change was given", "name it: --priority 5, --label zone=east");
      }
      const labels = labelChange(label);
      const { dryRun: validateOnly = false } = options;
      const api = context.api(options);
      const { node, warnings } = await withPrefix(api, "node", given, "loose", (id) =>
        api.nodes.updateNode({
          id,
          ...(priority === undefined ? {} : { priority }),
          ...(name === undefined ? {} : { name }),
          ...(cluster === undefined ? {} : { cluster }),
          ...labels,
          validateOnly,
        }),
      );
      for (const warning of warnings) context.warn(plainText(`warning: ${warning}`));
      if (node === undefined) throw new CliFailure(exitCode.failed, `${given} was not changed`, "");
      if (options.output === "json") context.print(jsonText(NodeSchema, node, true));
      else {
        const said = label.length === 0 ? "" : `, labels ${labelsText(node.labels) || "none"}`;
        const home = cluster === undefined ? "" : `, in cluster ${node.clusterName}`;
        const has = validateOnly ? "would have" : "has";
        context.print(
          plainText(`${node.name} ${has} priority ${node.priority}${home}${said}; what runs stays where it is`),
        );
        if (cluster !== undefined && !validateOnly)
          context.warn("Start its agent again; a drain is over with: lormas node uncordon.");
      }
    });
  addNodeDutyCommands(group, context);
  addNodeLeavingCommands(group, context);
  addNodeApprovalCommands(group, context);
  apiCommand(group, "token", "make a one-time join token, valid for ten minutes", "lormas node token --cluster local")
    .option("--cluster <cluster>", "the cluster that the node joins (name or id)", "local")
    .option("--approval", "whoever claims it waits until somebody lets it in: lormas node approve")
    .action(async (options: ApiOptions & { cluster: string; approval?: boolean }) => {
      const { cluster, approval: needsApproval = false } = options;
      const answer = await sendNamed(context, (requestId) =>
        context.api(options).nodes.createJoinToken({ cluster, needsApproval, requestId }),
      );
      if (options.output === "json") {
        context.print(jsonText(CreateJoinTokenResponseSchema, answer, true));
        return;
      }
      context.print(answer.token);
      context.warn(`Valid once, until ${timeText(answer.expiresAt)}; agents dial ${answer.coordinatorAddress}.`);
      // Into a pipe goes the token alone, and to nowhere else: what a script writes to stderr is kept in logs.
      if (context.columns() !== undefined) {
        context.warn("On the host, as root, in a clone of this repository after npm ci:");
        context.warn(`  ${joinLine(answer.token, answer.coordinatorAddress)}`);
      }
      if (needsApproval)
        context.warn("Its node waits until it is let in: lormas node ls --pending, lormas node approve NAME.");
    });
}

/** The progress of an emptying, where there is one. */
function busyLines(node: Node, width: number | undefined): string[] {
  return (node.duty?.state ?? 0) <= DutyState.CORDONED ? [] : ["", ...dutyLines(node, width)];
}

function nodeFacts(node: Node): [string, string][] {
  return [
    ["Name", node.name],
    ["Id", node.id],
    ["Cluster", node.clusterName],
    ["Status", statusOf(node)],
    ["Key", node.approval?.keyFingerprint ?? ""],
    ["Duty", dutyWord(node.duty?.state ?? 0)],
    ["Last heartbeat", timeText(node.lastHeartbeat) || "never"],
    ["Address", node.address],
    ["Runtime", node.runtime],
    ["Port pool", node.portPoolMax === 0 ? "" : `${node.portPoolMin}-${node.portPoolMax}`],
    ["Platform", [node.platform, node.architecture].filter(Boolean).join(", ")],
    ["Agent", node.agentVersion],
    ["Priority", String(node.priority)],
    ["Labels", labelsText(node.labels)],
    ["Revoked", timeText(node.revokedAt)],
    ["Guarded", node.guarded ? "yes" : "no"],
    ["Capacity", resourcesText(node.capacity)],
    ["Allocated", resourcesText(node.allocated)],
    ["In use", resourcesText(node.usage)],
    ["Containers", String(node.containerCount)],
    ["Session", String(node.session)],
    ["Enrolled", timeText(node.enrolledAt)],
  ];
}
