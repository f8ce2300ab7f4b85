import { create } from "@bufbuild/protobuf";
import { type Cluster, ClusterSchema, NPlusOnePolicy } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { ListClustersResponseSchema } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { type Command, Option } from "commander";
import type { CliContext } from "../cli-context.ts";
import { jsonText } from "../output/json-output.ts";
import { type Column, tableLines } from "../output/table.ts";
import { nPlusOneWord, secondsText } from "../output/wording.ts";
import { allPages } from "./all-pages.ts";
import { type ApiOptions, apiCommand } from "./api-command.ts";

const columns: Column<Cluster>[] = [
  { title: "NAME", value: (cluster) => cluster.name },
  { title: "HEALTHY", value: (cluster) => `${cluster.healthyNodeCount}/${cluster.nodeCount}`, right: true },
  { title: "PROFILE", value: (cluster) => cluster.heartbeatPolicy?.profile ?? "" },
  { title: "MOVES BY ITSELF", value: (cluster) => (cluster.autoMigrate ? "yes" : "no") },
  { title: "TO OTHER CLUSTERS", value: (cluster) => (cluster.allowOtherClusters ? "yes" : "no") },
  { title: "N+1", value: (cluster) => nPlusOneWord(cluster.nPlusOne) },
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
  apiCommand(group, "set <cluster>", "change a policy of a cluster", "lormas cluster set local --n-plus-one refuse")
    .addOption(
      new Option(
        "--n-plus-one <policy>",
        "what a wish gets after which a node's death would leave a container without a place",
      )
        .choices(["off", "warn", "refuse"])
        .makeOptionMandatory(),
    )
    .action(async (id: string, options: ApiOptions & { nPlusOne: keyof typeof N_PLUS_ONE }) => {
      const nPlusOne = N_PLUS_ONE[options.nPlusOne];
      const { cluster } = await context.api(options).clusters.updateCluster({ id, nPlusOne });
      if (cluster === undefined) return;
      if (options.output === "json") context.print(jsonText(ClusterSchema, cluster, true));
      else for (const line of tableLines(columns, [cluster], context.columns())) context.print(line);
    });
}

const N_PLUS_ONE = { off: NPlusOnePolicy.OFF, warn: NPlusOnePolicy.WARN, refuse: NPlusOnePolicy.REFUSE } as const;
