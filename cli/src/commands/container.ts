import { create } from "@bufbuild/protobuf";
import {
  type Container,
  ContainerSchema,
  ContainerType,
  MigrationSchema,
} from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import {
  ListContainersResponseSchema,
  ListMigrationHistoryResponseSchema,
  PreviewMigrationResponseSchema,
} from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { type Command, Option } from "commander";
import type { CliContext } from "../cli-context.ts";
import { CliFailure } from "../cli-failure.ts";
import type { ApiClient } from "../client/api-client.ts";
import { sendNamed } from "../client/named-request.ts";
import { exitCode } from "../exit-code.ts";
import { jsonText } from "../output/json-output.ts";
import { plainText } from "../output/plain-text.ts";
import { collectPair, collectPort, parseBytes, parseCpu, wholeNumber } from "../output/quantity.ts";
import { type Column, factLines, tableLines } from "../output/table.ts";
import {
  containerStatusWord,
  containerTypeWord,
  desiredStateWord,
  endpointsText,
  resourcesText,
  secondsText,
  timeText,
} from "../output/wording.ts";
import { allPages } from "./all-pages.ts";
import { type ApiOptions, apiCommand } from "./api-command.ts";
import { addContainerConsoleCommands } from "./container-console.ts";
import { addContainerLogsCommand } from "./container-logs.ts";
import { addContainerStatsCommand } from "./container-stats.ts";
import { addContainerSuspensionCommands, suspensionText } from "./container-suspension.ts";
import { addContainerUpdateCommand } from "./container-update.ts";
import { type ContainerGoal, untilMigrated } from "./container-wait.ts";
import { type DryRunOptions, foretoldContainerText, foretoldRemovalText, triable } from "./dry-run.ts";
import { type Shortening, withPrefix } from "./id-prefix.ts";
import { migrationLines } from "./migration.ts";
import { previewLines } from "./migration-preview.ts";
import { collected } from "./repeated-option.ts";
import { type PriorityName, priorities } from "./restart-priority.ts";
import { secretEnvironment } from "./secret-env.ts";
import { required, tellForetold, tellWish } from "./tell-container.ts";
import { showView, type ViewOptions, watchable } from "./view.ts";
import { type WaitOptions, waitable } from "./wait.ts";

const columns: Column<Container>[] = [
  { title: "NAME", value: (container) => container.name },
  { title: "STATUS", value: (container) => containerStatusWord(container.status), state: true },
  { title: "TYPE", value: (container) => containerTypeWord(container.type) },
  { title: "NODE", value: (container) => container.nodeName || "-" },
  { title: "EGG", value: (container) => container.eggId },
  { title: "EPOCH", value: (container) => String(container.epoch), right: true },
  { title: "ENDPOINTS", value: (container) => endpointsText(container.endpoints) },
  {
    title: "REASON",
    value: (container) => container.statusReason || suspensionText(container) || misfitText(container),
  },
];

/** Why its node would not be chosen for it now; empty where it would. */
const misfitText = ({ unmetDemand }: Container): string =>
  unmetDemand === "" ? "" : `would not be placed there now: ${unmetDemand}`;

/** How long --wait waits unless told, seconds. */
const WAIT_DEFAULT_S = 600;

interface MigrateOptions extends WaitOptions {
  readonly to?: string;
  readonly force?: boolean;
  readonly preview?: boolean;
  readonly dryRun?: boolean;
}

interface CreateOptions extends WaitOptions, DryRunOptions {
  readonly priority: PriorityName;
  readonly moveAfter?: number;
  readonly egg: string;
  readonly image?: string;
  readonly startup?: string;
  readonly ha?: boolean;
  readonly tty?: boolean;
  readonly cluster?: string;
  readonly cpu?: number;
  readonly memory?: bigint;
  readonly disk?: bigint;
  readonly env?: Record<string, string>;
  readonly secretEnv?: readonly string[];
  readonly port?: Record<string, number>;
  readonly stopped?: boolean;
  readonly allowDataLoss?: boolean;
  readonly constraint?: readonly string[];
  readonly arch?: readonly string[];
}

/** `lormas container …`. */
export function addContainerCommands(program: Command, context: CliContext): void {
  const group = program.command("container").description("what must run");
  addCreate(group, context);
  watchable(apiCommand(group, "ls", "list containers", "lormas container ls --node node-1"))
    .option("--node <node>", "only those on this node (name or id)")
    .option("--filter <filter>", "only those that fit, such as 'status = failed AND type = ha' (docs/api.md)", "")
    .option("--order-by <field>", "name, created_at or status; 'name desc' for the other way round", "")
    .action(async (options: ViewOptions & { node?: string; filter: string; orderBy: string }) => {
      await showView(context, options, async (api) => {
        const { node = "", filter, orderBy } = options;
        const list = (named: string) =>
          allPages(async (page) => {
            const answer = await api.containers.listContainers({ ...page, node: named, filter, orderBy });
            return { things: answer.containers, nextPageToken: answer.nextPageToken };
          });
        const containers = await withPrefix(api, "node", node, "loose", list, "node");
        return {
          json: (indent) =>
            jsonText(ListContainersResponseSchema, create(ListContainersResponseSchema, { containers }), indent),
          lines: (screen) => tableLines(columns, containers, screen.columns, screen.colors),
        };
      });
    });
  watchable(
    apiCommand(group, "show <container>", "show one container (name or id)", "lormas container show web"),
  ).action(async (given: string, options: ViewOptions) => {
    await showView(context, options, async (api) => {
      const { container } = await withPrefix(api, "container", given, "loose", (id) =>
        api.containers.getContainer({ id }),
      );
      const found = required(container, given);
      return {
        json: (indent) => jsonText(ContainerSchema, found, indent),
        lines: ({ colors }) => factLines(containerFacts(found), colors),
      };
    });
  });
  addWish(group, context, "start", "wish a container to run", "loose", "runs", async (api, id) => {
    const { container, warnings } = await api.containers.startContainer({ id });
    for (const warning of warnings) context.warn(plainText(`warning: ${warning}`));
    return container;
  });
  addWish(
    group,
    context,
    "stop",
    "wish a container to be stopped",
    "strict",
    "is stopped",
    async (api, id) => (await api.containers.stopContainer({ id })).container,
  );
  addWish(
    group,
    context,
    "kill",
    "end a container at once, without the grace of a stop",
    "strict",
    "is stopped",
    async (api, id) => (await api.containers.killContainer({ id })).container,
  );
  addContainerSuspensionCommands(group, context);
  addWish(
    group,
    context,
    "restart",
    "stop and start a container on its node",
    "strict",
    "runs again",
    async (api, id) => (await api.containers.restartContainer({ id })).container,
  );
  apiCommand(
    group,
    "reinstall <container>",
    "run a stopped container's install script again on what is in its volume (name or id)",
    "lormas container reinstall world",
  ).action(async (given: string, options: ApiOptions) => {
    const api = context.api(options);
    const { container } = await withPrefix(api, "container", given, "strict", (id) =>
      api.containers.reinstallContainer({ id }),
    );
    const after = required(container, given);
    const name = plainText(after.name);
    if (options.output === "json") context.print(jsonText(ContainerSchema, after, true));
    else context.print(`the install script of ${name} runs; follow it: lormas container logs ${name} -f`);
  });
  addRemoval(group, context);
  addContainerUpdateCommand(group, context);
  addMigrate(group, context);
  addContainerLogsCommand(group, context);
  addContainerConsoleCommands(group, context);
  addContainerStatsCommand(group, context);
  watchable(
    apiCommand(
      group,
      "history <container>",
      "list a container's migrations, newest first",
      "lormas container history web",
    ),
  ).action(async (given: string, options: ViewOptions) => {
    await showView(context, options, async (api) => {
      const migrations = await withPrefix(api, "container", given, "loose", (id) =>
        allPages(async (page) => {
          const answer = await api.containers.listMigrationHistory({ ...page, id });
          return { things: answer.migrations, nextPageToken: answer.nextPageToken };
        }),
      );
      const response = create(ListMigrationHistoryResponseSchema, { migrations });
      return {
        json: (indent) => jsonText(ListMigrationHistoryResponseSchema, response, indent),
        lines: (screen) => migrationLines(migrations, screen.columns, screen.colors),
      };
    });
  });
}

function addCreate(group: Command, context: CliContext): void {
  triable(
    waitable(
      apiCommand(
        group,
        "create <name>",
        "create a container and start it",
        "lormas container create web --egg hello-http --ha --wait",
      ),
      "it runs, with --stopped until it is made",
      WAIT_DEFAULT_S,
    ),
  )
    .requiredOption("--egg <egg>", "the egg to make it from")
    .option("--image <image>", "one of the egg's images, by name or reference (default: its first)")
    .option("--startup <command>", "one of the egg's startup commands, by name (default: its first)")
    .option("--ha", "keep it running: it moves when its node dies")
    .option("--cluster <cluster>", "the cluster to prefer (name or id)")
    .option("--cpu <cores>", 'cores to reserve, such as "0.5" (default: the egg\'s)', parseCpu)
    .option("--memory <bytes>", 'memory to reserve, such as "256Mi" (default: the egg\'s)', parseBytes)
    .option("--disk <bytes>", 'disk to reserve, such as "1Gi" (default: the egg\'s)', parseBytes)
    .option("--env <name=value>", "a variable of the egg; may be given several times", collectPair)
    .option(
      "--secret-env <name=value>",
      "the same for a secret, which is sealed and never shown; NAME alone takes it from the environment",
      collected,
    )
    .option("--port <name=port>", "a fixed host port for a port of the egg; may be given several times", collectPort)
    .option(
      "--constraint <text>",
      'what it demands of a node\'s labels, such as "zone=east"; may be given again',
      collected,
    )
    .option(
      "--arch <architecture>",
      "a CPU architecture that it runs on (default: the egg's); may be given again",
      collected,
    )
    .option("--tty", "give it a terminal, which only docker nodes can (default: as its egg says)")
    .option("--no-tty", "give it none, whatever its egg says")
    .option("--stopped", "do not start it")
    .option("--allow-data-loss", "when its node dies, start it elsewhere without its local data")
    .addOption(
      new Option("--priority <priority>", "who goes first where not everybody can")
        .choices(Object.keys(priorities))
        .default("normal"),
    )
    .option(
      "--move-after <failures>",
      "HA: failures in a row on one node after which it moves, 0 for never (default: 3)",
      wholeNumber(0, 10),
    )
    .action(async (name: string, options: CreateOptions) => {
      const resources = {
        cpuMillis: options.cpu ?? 0,
        memoryBytes: options.memory ?? 0n,
        diskBytes: options.disk ?? 0n,
      };
      const api = context.api(options);
      const wish = {
        name,
        eggId: options.egg,
        type: options.ha === true ? ContainerType.HA : ContainerType.STANDARD,
        preferredCluster: options.cluster ?? "",
        resources,
        environment: options.env ?? {},
        secretEnvironment: secretEnvironment(options.secretEnv, context.env),
        hostPorts: options.port ?? {},
        createStopped: options.stopped === true,
        allowDataLoss: options.allowDataLoss === true,
        image: options.image ?? "",
        startupCommand: options.startup ?? "",
        restartPriority: priorities[options.priority],
        constraints: [...(options.constraint ?? [])],
        architectures: [...(options.arch ?? [])],
        ...(options.tty === undefined ? {} : { tty: options.tty }),
        ...(options.moveAfter === undefined ? {} : { crashesBeforeMove: options.moveAfter }),
      };
      const { dryRun: validateOnly = false } = options;
      const { container, warnings } = await sendNamed(context, (requestId) =>
        api.containers.createContainer({ ...wish, requestId, validateOnly }),
      );
      for (const warning of warnings) context.warn(plainText(`warning: ${warning}`));
      if (validateOnly)
        return tellForetold(context, options, required(container, name), (made) =>
          foretoldContainerText(made, "created"),
        );
      const goal = options.stopped === true ? undefined : "runs";
      await tellWish(context, api, options, required(container, name), goal);
    });
}

function addWish(
  group: Command,
  context: CliContext,
  verb: string,
  description: string,
  shortening: Shortening,
  goal: ContainerGoal,
  ask: (api: ApiClient, id: string) => Promise<Container | undefined>,
): void {
  waitable(
    apiCommand(group, `${verb} <container>`, `${description} (name or id)`, `lormas container ${verb} web`),
    `it ${goal}`,
    WAIT_DEFAULT_S,
  ).action(async (given: string, options: WaitOptions) => {
    const api = context.api(options);
    const container = await withPrefix(api, "container", given, shortening, (id) => ask(api, id));
    await tellWish(context, api, options, required(container, given), goal);
  });
}

function addRemoval(group: Command, context: CliContext): void {
  triable(
    waitable(
      apiCommand(
        group,
        "rm <container>",
        "stop and remove a container with its volumes (name or id)",
        "lormas container rm web",
      ),
      "it is gone",
      WAIT_DEFAULT_S,
    ),
  ).action(async (given: string, options: WaitOptions & DryRunOptions) => {
    const api = context.api(options);
    const { dryRun: validateOnly = false } = options;
    const { container } = await withPrefix(api, "container", given, "strict", (id) =>
      api.containers.deleteContainer({ id, validateOnly }),
    );
    const after = required(container, given);
    if (validateOnly) tellForetold(context, options, after, foretoldRemovalText);
    else await tellWish(context, api, options, after, "is gone");
  });
}

function addMigrate(group: Command, context: CliContext): void {
  waitable(
    apiCommand(
      group,
      "migrate <container>",
      "move an HA container to another node",
      "lormas container migrate web --to node-2 --wait",
    ),
    "it runs there",
    WAIT_DEFAULT_S,
  )
    .option("--to <node>", "the node to move to (name or id; default: the best one)")
    .option("--force", "begin at once, past the limits of migrations at once")
    .option("--preview", "say what it would do and cost, and change nothing")
    .option("--dry-run", "the same as --preview")
    .action(async (given: string, options: MigrateOptions) => {
      const api = context.api(options);
      const wish = (id: string) => ({ id, targetNode: options.to ?? "", force: options.force === true });
      if (options.preview === true || options.dryRun === true) {
        const preview = await withPrefix(api, "container", given, "loose", (id) =>
          api.containers.previewMigration(wish(id)),
        );
        if (options.output === "json") context.print(jsonText(PreviewMigrationResponseSchema, preview, true));
        else for (const line of previewLines(preview, context.columns())) context.print(line);
        return;
      }
      const { migration } = await withPrefix(api, "container", given, "strict", (id) =>
        sendNamed(context, (requestId) => api.containers.migrateContainer({ ...wish(id), requestId })),
      );
      if (migration === undefined) throw new CliFailure(exitCode.failed, `no migration of ${given} was begun`, "");
      if (options.output === "table") {
        context.print(
          `${migration.containerName} leaves ${migration.sourceNodeName}; follow it: lormas migration show ${migration.id}`,
        );
      }
      const last = options.wait === true ? await untilMigrated(context, api, options, migration) : migration;
      if (options.output === "json") context.print(jsonText(MigrationSchema, last, true));
      else if (options.wait === true) {
        context.print(
          `${last.containerName} runs on ${last.targetNodeName}, after ${secondsText(last.downtimeMs)} without service`,
        );
      }
    });
}

function containerFacts(container: Container): [string, string][] {
  return [
    ["Name", container.name],
    ["Id", container.id],
    ["Egg", container.eggId],
    ["Type", containerTypeWord(container.type)],
    ["Shall be", desiredStateWord(container.desiredState)],
    ["Is", containerStatusWord(container.status)],
    ["Reason", container.statusReason],
    ["Suspended", suspensionText(container)],
    ["Node", container.nodeName],
    ["Cluster", container.clusterName],
    ["Endpoints", endpointsText(container.endpoints)],
    ["Resources", resourcesText(container.resources)],
    ["Image", container.image],
    ["Image digest", container.imageDigest],
    ["Image note", container.imageNote],
    ["Constraints", container.constraints.join("; ")],
    ["Terminal", container.tty ? "yes" : ""],
    ["Architectures", container.architectures.join(", ")],
    ["Its node", misfitText(container)],
    [
      "Environment",
      Object.entries(container.environment)
        .map(([name, value]) => `${name}=${value}`)
        .join(" "),
    ],
    ["Epoch", String(container.epoch)],
    ["Restarts", String(container.restartCount)],
    ["Failover within", container.failoverBoundMs === 0 ? "" : secondsText(container.failoverBoundMs)],
    ["Last migration", timeText(container.lastMigrationAt)],
    ["Created", timeText(container.createdAt)],
  ];
}
