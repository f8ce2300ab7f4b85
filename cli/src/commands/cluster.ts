import { create } from "@bufbuild/protobuf";
import {
  type Cluster,
  ClusterSchema,
  type GroupVoter,
  type HeartbeatProfile,
  NPlusOnePolicy,
  PlacementStrategy,
  VoterState,
} from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import {
  ListClustersResponseSchema,
  ListProfilesResponseSchema,
  type PolicyChoice,
} from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { type Command, InvalidArgumentError, Option } from "commander";
import type { CliContext } from "../cli-context.ts";
import { CliFailure } from "../cli-failure.ts";
import { sendNamed } from "../client/named-request.ts";
import { exitCode } from "../exit-code.ts";
import { jsonText } from "../output/json-output.ts";
import { plainText } from "../output/plain-text.ts";
import { type Column, factLines, tableLines } from "../output/table.ts";
import { boundText, nPlusOneWord, placementWord, secondsText, timeText } from "../output/wording.ts";
import { allPages } from "./all-pages.ts";
import { type ApiOptions, apiCommand } from "./api-command.ts";
import { type DryRunOptions, sayForetold, triable } from "./dry-run.ts";
import { withPrefix } from "./id-prefix.ts";
import { collected } from "./repeated-option.ts";
import { showView, type ViewOptions, watchable } from "./view.ts";

const columns: Column<Cluster>[] = [
  { title: "NAME", value: (cluster) => cluster.name },
  { title: "HEALTHY", value: (cluster) => `${cluster.healthyNodeCount}/${cluster.nodeCount}`, right: true },
  { title: "PROFILE", value: (cluster) => cluster.heartbeatPolicy?.profile ?? "" },
  { title: "MOVES BY ITSELF", value: movesText, state: true },
  { title: "TO OTHER CLUSTERS", value: (cluster) => (cluster.allowOtherClusters ? "yes" : "no") },
  { title: "N+1", value: (cluster) => nPlusOneWord(cluster.nPlusOne) },
  { title: "FAILOVER WITHIN", value: (cluster) => failoverText(cluster.failoverBoundMs), right: true },
  { title: "DESCRIPTION", value: (cluster) => cluster.description },
];

const voterColumns: Column<GroupVoter>[] = [
  { title: "VOTER", value: (voter) => voter.nodeName },
  { title: "STATE", value: voterText },
  { title: "LEASE HELD FOR", value: (voter) => (voter.heldMs > 0n ? secondsText(voter.heldMs) : ""), right: true },
  { title: "EPOCH", value: (voter) => (voter.confirmedEpoch > 0n ? String(voter.confirmedEpoch) : ""), right: true },
  { title: "PEER ADDRESS", value: (voter) => voter.peerAddress || "none" },
];

const profileColumns: Column<HeartbeatProfile>[] = [
  { title: "PROFILE", value: ({ policy }) => policy?.profile ?? "" },
  { title: "HEARTBEAT", value: ({ policy }) => secondsText(policy?.intervalMs), right: true },
  { title: "LEASE", value: ({ policy }) => secondsText(policy?.leaseMs), right: true },
  { title: "KILL", value: ({ policy }) => secondsText(policy?.killMs), right: true },
  { title: "WAIT", value: ({ policy }) => boundText(policy?.waitMs ?? 0), right: true },
  { title: "FAILOVER WITHIN", value: ({ bound }) => failoverText(bound?.totalMs ?? 0), right: true },
  { title: "FITS", value: ({ description }) => description },
];

/** `lormas cluster …`. */
export function addClusterCommands(program: Command, context: CliContext): void {
  const group = program.command("cluster").description("named groups of nodes");
  watchable(apiCommand(group, "ls", "list clusters", "lormas cluster ls -o json")).action(
    async (options: ViewOptions) => {
      await showView(context, options, async (api) => {
        const clusters = await allPages(async (page) => {
          const answer = await api.clusters.listClusters(page);
          return { things: answer.clusters, nextPageToken: answer.nextPageToken };
        });
        const response = create(ListClustersResponseSchema, { clusters });
        return {
          json: (indent) => jsonText(ListClustersResponseSchema, response, indent),
          lines: (screen) => tableLines(columns, clusters, screen.columns, screen.colors),
        };
      });
    },
  );
  watchable(
    apiCommand(
      group,
      "show <cluster>",
      "show one cluster: policy, bound, who votes (name or id)",
      "lormas cluster show local",
    ),
  ).action(async (given: string, options: ViewOptions) => {
    await showView(context, options, async (api) => {
      const { cluster } = await withPrefix(api, "cluster", given, "loose", (id) => api.clusters.getCluster({ id }));
      const found = required(cluster, given);
      return {
        json: (indent) => jsonText(ClusterSchema, found, indent),
        lines: (screen) => clusterLines(found, screen.columns),
      };
    });
  });
  apiCommand(group, "profiles", "the heartbeat profiles with their bounds", "lormas cluster profiles").action(
    async (options: ApiOptions) => {
      const answer = await context.api(options).clusters.listProfiles({});
      if (options.output === "json") context.print(jsonText(ListProfilesResponseSchema, answer, true));
      else for (const line of tableLines(profileColumns, answer.profiles, context.columns())) context.print(line);
    },
  );
  triable(
    withSettings(apiCommand(group, "create <name>", "make a cluster", "lormas cluster create hall-2 --profile fast")),
  ).action(async (name: string, options: SettingOptions & DryRunOptions) => {
    const { dryRun: validateOnly = false } = options;
    const { cluster } = await sendNamed(context, (requestId) =>
      context.api(options).clusters.createCluster({ name, ...settings(options), requestId, validateOnly }),
    );
    if (validateOnly) sayForetold(context, options, `${name} would be made:`);
    print(context, options, cluster, name);
  });
  triable(
    withLimits(
      withSettings(
        apiCommand(
          group,
          "update <cluster>",
          "change what is given of a cluster",
          "lormas cluster update local --profile fast",
        ).option("--etag <etag>", "only if it still is what it was under this etag (cluster show -o json)", ""),
      ),
    ),
  ).action(async (given: string, options: SettingOptions & LimitOptions & DryRunOptions & { etag: string }) => {
    const migrationLimits = limits(options);
    const change = { ...settings(options), ...(migrationLimits && { migrationLimits }) };
    if (Object.keys(change).length === 0) {
      throw new CliFailure(exitCode.usage, "nothing is to be changed", "lormas cluster update --help");
    }
    const api = context.api(options);
    const { dryRun: validateOnly = false } = options;
    const { cluster } = await withPrefix(api, "cluster", given, "strict", (id) =>
      api.clusters.updateCluster({ id, ...change, etag: options.etag, validateOnly }),
    );
    if (validateOnly) sayForetold(context, options, `${given} would be changed:`);
    print(context, options, cluster, given);
  });
  triable(apiCommand(group, "rm <cluster>", "remove a cluster without nodes", "lormas cluster rm hall-2")).action(
    async (given: string, options: ApiOptions & DryRunOptions) => {
      const api = context.api(options);
      const { dryRun: validateOnly = false } = options;
      await withPrefix(api, "cluster", given, "strict", (id) => api.clusters.deleteCluster({ id, validateOnly }));
      if (options.output === "json") context.print("{}");
      else context.print(`${given} ${validateOnly ? "would be" : "is"} removed`);
    },
  );
  apiCommand(
    group,
    "override <cluster>",
    "declare silent nodes dead because you know that they are off, when too few voters are left to prove it",
    'lormas cluster override local --node node-2 --node node-3 --reason "rack 4 has no power"',
  )
    .requiredOption("--node <node>", "a node that is off for certain (name or id); may be given again", collected, [])
    .requiredOption("--reason <text>", "how you know; kept with the event")
    .action(async (id: string, options: ApiOptions & { node: string[]; reason: string }) => {
      const { cluster } = await context
        .api(options)
        .clusters.overrideSuspension({ id, nodes: options.node, reason: options.reason });
      if (options.output === "json") return print(context, options, cluster, id);
      // The cluster as it is shown in the answer is suspended still: that ends with the next look at it, in a moment.
      context.print(`declared dead: ${options.node.join(", ")}; what they ran moves now: lormas migration ls --active`);
    });
}

interface SettingOptions extends ApiOptions {
  readonly description?: string;
  readonly profile?: string;
  readonly intervalMs?: number;
  readonly leaseMs?: number;
  readonly killMs?: number;
  readonly voteMs?: number;
  readonly unhealthyMs?: number;
  readonly autoMigrate?: boolean;
  readonly otherClusters?: boolean;
  readonly survival?: boolean;
  readonly nPlusOne?: keyof typeof N_PLUS_ONE;
  readonly placement?: keyof typeof PLACEMENT;
  readonly images?: "pinned" | "floating";
}

function withSettings(command: Command): Command {
  return command
    .option("--description <text>", "for people")
    .option("--profile <profile>", "lan, fast, default, large, patient or custom: lormas cluster profiles")
    .option("--interval-ms <ms>", "custom: between two heartbeats", milliseconds)
    .option("--lease-ms <ms>", "custom: the lease L", milliseconds)
    .option("--kill-ms <ms>", "custom: the kill time K", milliseconds)
    .option(
      "--vote-ms <ms>",
      "custom: how long a majority of votes lets a node run on (default: half the lease)",
      milliseconds,
    )
    .option(
      "--unhealthy-ms <ms>",
      "custom: missing heartbeats until a node is unhealthy (default: 3 intervals)",
      milliseconds,
    )
    .option("--auto-migrate <yes|no>", "HA containers of a dead node move by themselves", yesOrNo)
    .option("--other-clusters <yes|no>", "containers may move to nodes of other clusters", yesOrNo)
    .option(
      "--survival <on|off>",
      "agents ask their peers before they kill; off where they cannot reach each other",
      onOrOff,
    )
    .addOption(
      new Option(
        "--n-plus-one <policy>",
        "what a wish gets after which some node's death would leave an HA container without a place",
      ).choices(Object.keys(N_PLUS_ONE)),
    )
    .addOption(
      new Option("--placement <strategy>", "fill nodes evenly, or one after the other; priority comes first").choices(
        Object.keys(PLACEMENT),
      ),
    )
    .addOption(
      new Option(
        "--images <what>",
        "pinned to the digest that a container's first start found, or asked of their registries at every start",
      ).choices(["pinned", "floating"]),
    );
}

interface LimitOptions {
  readonly migrationsAtOnce?: number;
  readonly migrationsPerTarget?: number;
  readonly failoversPerTarget?: number;
}

function withLimits(command: Command): Command {
  return command
    .option("--migrations-at-once <count>", "planned moves away from its nodes at once, 1 to 1000", count(1_000))
    .option("--migrations-per-target <count>", "planned moves to one of its nodes at once, 1 to 100", count(100))
    .option("--failovers-per-target <count>", "failovers to one of its nodes at once, 1 to 1000", count(1_000));
}

function limits({ migrationsAtOnce, migrationsPerTarget, failoversPerTarget }: LimitOptions): LimitOptions | null {
  const given = {
    ...(migrationsAtOnce === undefined ? {} : { migrationsAtOnce }),
    ...(migrationsPerTarget === undefined ? {} : { migrationsPerTarget }),
    ...(failoversPerTarget === undefined ? {} : { failoversPerTarget }),
  };
  return Object.keys(given).length === 0 ? null : given;
}

const count = (max: number) => (text: string) => {
  if (!/^\d{1,7}$/.test(text) || Number(text) < 1 || Number(text) > max) {
    throw new InvalidArgumentError(`Give a whole number from 1 to ${max}.`);
  }
  return Number(text);
};

function settings(options: SettingOptions) {
  const { description, autoMigrate, otherClusters, survival, nPlusOne, placement, images } = options;
  const policy = policyChoice(options);
  return {
    ...(description === undefined ? {} : { description }),
    ...(policy === undefined ? {} : { policy }),
    ...(autoMigrate === undefined ? {} : { autoMigrate }),
    ...(otherClusters === undefined ? {} : { allowOtherClusters: otherClusters }),
    ...(survival === undefined ? {} : { survival }),
    ...(nPlusOne === undefined ? {} : { nPlusOne: N_PLUS_ONE[nPlusOne] }),
    ...(placement === undefined ? {} : { placement: PLACEMENT[placement] }),
    ...(images === undefined ? {} : { floatingImages: images === "floating" }),
  };
}

type Figure = "intervalMs" | "leaseMs" | "killMs" | "voteMs" | "unhealthyMs";
type Choice = Pick<PolicyChoice, "profile"> & Partial<Pick<PolicyChoice, Figure>>;

function policyChoice(options: SettingOptions): Choice | undefined {
  const { profile, intervalMs, leaseMs, killMs, voteMs, unhealthyMs } = options;
  const figures = {
    ...(intervalMs === undefined ? {} : { intervalMs }),
    ...(leaseMs === undefined ? {} : { leaseMs }),
    ...(killMs === undefined ? {} : { killMs }),
    ...(voteMs === undefined ? {} : { voteMs }),
    ...(unhealthyMs === undefined ? {} : { unhealthyMs }),
  };
  if (profile === undefined && Object.keys(figures).length === 0) return undefined;
  return { profile: profile ?? "custom", ...figures };
}

function milliseconds(text: string): number {
  if (!/^\d{1,7}$/.test(text)) throw new InvalidArgumentError("Give whole milliseconds.");
  return Number(text);
}

const eitherOf = (yes: string, no: string) => (text: string) => {
  if (text !== yes && text !== no) throw new InvalidArgumentError(`Say ${yes} or ${no}.`);
  return text === yes;
};
const yesOrNo = eitherOf("yes", "no");
const onOrOff = eitherOf("on", "off");

function print(context: CliContext, options: ApiOptions, cluster: Cluster | undefined, id: string): void {
  const found = required(cluster, id);
  if (options.output === "json") return context.print(jsonText(ClusterSchema, found, true));
  for (const line of clusterLines(found, context.columns())) context.print(line);
}

function required(cluster: Cluster | undefined, id: string): Cluster {
  if (cluster !== undefined) return cluster;
  throw new CliFailure(exitCode.notFound, `there is no cluster ${id}`, "lormas cluster ls");
}

function clusterLines(cluster: Cluster, width: number | undefined): string[] {
  const { group, suspension } = cluster;
  return [
    ...factLines(clusterFacts(cluster)),
    ...(group && group.voters.length > 0 ? ["", ...tableLines(voterColumns, group.voters, width)] : []),
    ...(suspension
      ? [
          "",
          `Automatic migration is suspended since ${timeText(suspension.since)}.`,
          plainText(suspension.explanation),
          plainText(`Next: ${suspension.nextStep}`),
        ]
      : []),
  ];
}

function clusterFacts(cluster: Cluster): [string, string][] {
  const policy = cluster.heartbeatPolicy;
  const { group } = cluster;
  return [
    ["Name", cluster.name],
    ["Id", cluster.id],
    ["Description", cluster.description],
    ["Nodes", `${cluster.healthyNodeCount} of ${cluster.nodeCount} healthy`],
    ["Moves by itself", movesText(cluster)],
    ["To other clusters", cluster.allowOtherClusters ? "yes" : "no"],
    ["N+1", nPlusOneWord(cluster.nPlusOne)],
    ["Placement", placementWord(cluster.placement)],
    ["Images", cluster.floatingImages ? "floating" : "pinned"],
    [
      "Policy",
      policy
        ? `${policy.profile}: heartbeat ${secondsText(policy.intervalMs)}, lease ${secondsText(policy.leaseMs)}, ` +
          `kill ${secondsText(policy.killMs)}, wait ${boundText(policy.waitMs)}`
        : "",
    ],
    ["Bound", cluster.failoverBound?.summary ?? ""],
    ...(cluster.failoverBound?.terms ?? []).map((term): [string, string] => [
      `  ${term.name}`,
      `${boundText(term.ms)}  ${term.explanation}`,
    ]),
    ["Moves at once", limitsText(cluster)],
    ["Voting group", groupText(group)],
    ["Self-fencing", group ? (group.selfFencing ? "on" : "off: one node") : ""],
    ["Survival by votes", group ? survivalText(cluster) : ""],
  ];
}

/** How far a change of the group has got. */
function groupText(group: Cluster["group"]): string {
  if (!group) return "none yet";
  const older = group.epochsKept - 1;
  return `epoch ${group.epoch}${older > 0 ? `; nodes may still go by ${older} older ${older === 1 ? "one" : "ones"}` : ""}`;
}

function survivalText({ group, heartbeatPolicy }: Cluster): string {
  if (group?.survival) return "on";
  if (!heartbeatPolicy?.survival) return "off by setting";
  if (!group || group.voters.length === 0) return "off: nobody to ask";
  return "off: a voter has no peer address";
}

function limitsText({ migrationLimits: limits }: Cluster): string {
  if (!limits) return "";
  const { migrationsAtOnce, migrationsPerTarget, failoversPerTarget } = limits;
  return `${migrationsAtOnce} away, ${migrationsPerTarget} to a node; ${failoversPerTarget} failovers to a node`;
}

function movesText(cluster: Cluster): string {
  if (cluster.suspension) return "suspended";
  return cluster.autoMigrate ? "yes" : "no";
}

/** "no failover" where nothing moves. */
const failoverText = (ms: number): string => (ms === 0 ? "no failover" : boundText(ms));

function voterText(voter: GroupVoter): string {
  switch (voter.state) {
    case VoterState.HOLDS_LEASE:
      return "holds a lease";
    case VoterState.NOT_CONFIRMED:
      return "not confirmed";
    case VoterState.SILENT:
      return "silent";
    case VoterState.DEAD:
      return "dead";
    default:
      return String(voter.state);
  }
}

const N_PLUS_ONE = { off: NPlusOnePolicy.OFF, warn: NPlusOnePolicy.WARN, refuse: NPlusOnePolicy.REFUSE } as const;
const PLACEMENT = { spread: PlacementStrategy.SPREAD, binpack: PlacementStrategy.BINPACK } as const;
