import { create } from "@bufbuild/protobuf";
import type { Cluster } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { ListClustersResponseSchema } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import type { Command } from "commander";
import type { CliContext } from "../cli-context.ts";
import { jsonText } from "../output/json-output.ts";
import { type Column, tableLines } from "../output/table.ts";
import { secondsText } from "../output/wording.ts";
import { allPages } from "./all-pages.ts";
import { type ApiOptions, apiCommand } from "./api-command.ts";

const columns: Column<Cluster>[] = [
  { title: "NAME", value: (cluster) => cluster.name },
  { title: "HEALTHY", value: (cluster) => `${cluster.healthyNodeCount}/${cluster.nodeCount}`, right: true },
  { title: "PROFILE", value: (cluster) => cluster.heartbeatPolicy?.profile ?? "" },
  { title: "MOVES BY ITSELF", value: (cluster) => (cluster.autoMigrate ? "yes" : "no") },
  { title: "TO OTHER CLUSTERS", value: (cluster) => (cluster.allowOtherClusters ? "yes" : "no") },
  { title: "FAILOVER WITHIN", value: (cluster) => secondsText(cluster.failoverBoundMs), right: true },
  { title: "DESCRIPTION", value: (cluster) => cluster.description },
];

/** `lormas cluster …`. */
export function addClusterCommands(program: Command, context: CliContext): void {
  const group = program.command("cluster").description("named groups of nodes");
  apiCommand(group, "ls", "list clusters", "lormas cluster ls -o json").action(async (options: ApiOptions) => {
    const api = context.api(options);
    const clusters = await allPages(async (page) => {
      const answer = await api.clusters.listClusters(page);
      return { things: answer.clusters, nextPageToken: answer.nextPageToken };
    });
    if (options.output === "json") {
      context.print(jsonText(ListClustersResponseSchema, create(ListClustersResponseSchema, { clusters }), true));
    } else for (const line of tableLines(columns, clusters, context.columns())) context.print(line);
  });
}
