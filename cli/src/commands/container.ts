import { create } from "@bufbuild/protobuf";
import {
  type Container,
  ContainerSchema,
  ContainerType,
  MigrationSchema,
  RestartPriority,
} from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import {
  ListContainersResponseSchema,
  ListMigrationHistoryResponseSchema,
} from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { type Command, Option } from "commander";
import type { CliContext } from "../cli-context.ts";
import { CliFailure } from "../cli-failure.ts";
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
import { addContainerLogsCommand } from "./container-logs.ts";
import { migrationLines } from "./migration.ts";

const columns: Column<Container>[] = [
  { title: "NAME", value: (container) => container.name },
  { title: "STATUS", value: (container) => containerStatusWord(container.status) },
  { title: "TYPE", value: (container) => containerTypeWord(container.type) },
  { title: "NODE", value: (container) => container.nodeName || "-" },
  { title: "EGG", value: (container) => container.eggId },
  { title: "EPOCH", value: (container) => String(container.epoch), right: true },
  { title: "ENDPOINTS", value: (container) => endpointsText(container.endpoints) },
  { title: "REASON", value: (container) => container.statusReason },
];

interface CreateOptions extends ApiOptions {
  readonly priority: keyof typeof priorities;
  readonly moveAfter?: number;
  readonly egg: string;
  readonly ha?: boolean;
  readonly cluster?: string;
  readonly cpu?: number;
  readonly memory?: bigint;
  readonly disk?: bigint;
  readonly env?: Record<string, string>;
  readonly port?: Record<string, number>;
  readonly stopped?: boolean;
  readonly allowDataLoss?: boolean;
}

/** `lormas container …`. */
export function addContainerCommands(program: Command, context: CliContext): void {
  const group = program.command("container").description("what must run");
  addCreate(group, context);
  apiCommand(group, "ls", "list containers", "lormas container ls --node node-1")
    .option("--node <node>", "only those on this node (name or id)")
    .action(async (options: ApiOptions & { node?: string }) => {
      const api = context.api(options);
      const containers = await allPages(async (page) => {
        const answer = await api.containers.listContainers({ ...page, node: options.node ?? "" });
        return { things: answer.containers, nextPageToken: answer.nextPageToken };
      });
      if (options.output === "json") {
        context.print(
          jsonText(ListContainersResponseSchema, create(ListContainersResponseSchema, { containers }), true),
        );
      } else for (const line of tableLines(columns, containers, context.columns())) context.print(line);
    });
  apiCommand(group, "show <container>", "show one container (name or id)", "lormas container show web").action(
    async (id: string, options: ApiOptions) => {
      const { container } = await context.api(options).containers.getContainer({ id });
      if (options.output === "json") context.print(jsonText(ContainerSchema, required(container, id), true));
      else for (const line of factLines(containerFacts(required(container, id)))) context.print(line);
    },
  );
  addWish(group, context, "start", "wish a container to run", async (api, id) => {
    const { container, warnings } = await api.containers.startContainer({ id });
    for (const warning of warnings) context.warn(plainText(`warning: ${warning}`));
    return container;
  });
  addWish(
    group,
    context,
    "stop",
    "wish a container to be stopped",
    async (api, id) => (await api.containers.stopContainer({ id })).container,
  );
  addWish(
    group,
    context,
    "restart",
    "stop and start a container on its node",
    async (api, id) => (await api.containers.restartContainer({ id })).container,
  );
  addWish(
    group,
    context,
    "rm",
    "stop and remove a container with its volumes",
    async (api, id) => (await api.containers.deleteContainer({ id })).container,
  );
  addMigrate(group, context);
  addContainerLogsCommand(group, context);
  apiCommand(
    group,
    "history <container>",
    "list a container's migrations, newest first",
    "lormas container history web",
  ).action(async (id: string, options: ApiOptions) => {
    const api = context.api(options);
    const migrations = await allPages(async (page) => {
      const answer = await api.containers.listMigrationHistory({ ...page, id });
      return { things: answer.migrations, nextPageToken: answer.nextPageToken };
    });
    const response = create(ListMigrationHistoryResponseSchema, { migrations });
    if (options.output === "json") context.print(jsonText(ListMigrationHistoryResponseSchema, response, true));
    else for (const line of migrationLines(migrations, context.columns())) context.print(line);
  });
}

const priorities = {
  low: RestartPriority.LOW,
  normal: RestartPriority.NORMAL,
  high: RestartPriority.HIGH,
  critical: RestartPriority.CRITICAL,
};

function addCreate(group: Command, context: CliContext): void {
  apiCommand(
    group,
    "create <name>",
    "create a container and start it",
    "lormas container create web --egg hello-http --ha",
  )
    .requiredOption("--egg <egg>", "the egg to make it from")
    .option("--ha", "keep it running: it moves when its node dies")
    .option("--cluster <cluster>", "the cluster to prefer (name or id)")
    .option("--cpu <cores>", 'cores to reserve, such as "0.5" (default: the egg\'s)', parseCpu)
    .option("--memory <bytes>", 'memory to reserve, such as "256Mi" (default: the egg\'s)', parseBytes)
    .option("--disk <bytes>", 'disk to reserve, such as "1Gi" (default: the egg\'s)', parseBytes)
    .option("--env <name=value>", "a variable of the egg; may be given several times", collectPair)
    .option("--port <name=port>", "a fixed host port for a port of the egg; may be given several times", collectPort)
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
      const { container, warnings } = await context.api(options).containers.createContainer({
        name,
        eggId: options.egg,
        type: options.ha === true ? ContainerType.HA : ContainerType.STANDARD,
        preferredCluster: options.cluster ?? "",
        resources,
        environment: options.env ?? {},
        hostPorts: options.port ?? {},
        createStopped: options.stopped === true,
        allowDataLoss: options.allowDataLoss === true,
        restartPriority: priorities[options.priority],
        ...(options.moveAfter === undefined ? {} : { crashesBeforeMove: options.moveAfter }),
      });
      for (const warning of warnings) context.warn(plainText(`warning: ${warning}`));
      printWish(context, options, required(container, name));
    });
}

function addWish(
  group: Command,
  context: CliContext,
  verb: string,
  description: string,
  ask: (api: ReturnType<CliContext["api"]>, id: string) => Promise<Container | undefined>,
): void {
  apiCommand(group, `${verb} <container>`, `${description} (name or id)`, `lormas container ${verb} web`).action(
    async (id: string, options: ApiOptions) => {
      printWish(context, options, required(await ask(context.api(options), id), id));
    },
  );
}

function addMigrate(group: Command, context: CliContext): void {
  apiCommand(
    group,
    "migrate <container>",
    "move an HA container to another node",
    "lormas container migrate web --to node-2",
  )
    .option("--to <node>", "the node to move to (name or id; default: the best one)")
    .action(async (id: string, options: ApiOptions & { to?: string }) => {
      const { migration } = await context
        .api(options)
        .containers.migrateContainer({ id, targetNode: options.to ?? "" });
      if (migration === undefined) throw new CliFailure(exitCode.failed, `no migration of ${id} was begun`, "");
      if (options.output === "json") context.print(jsonText(MigrationSchema, migration, true));
      else
        context.print(
          `${migration.containerName} leaves ${migration.sourceNodeName}; follow it: lormas migration show ${migration.id}`,
        );
    });
}

function printWish(context: CliContext, options: ApiOptions, container: Container): void {
  if (options.output === "json") context.print(jsonText(ContainerSchema, container, true));
  else {
    context.print(
      `${container.name} shall be ${desiredStateWord(container.desiredState)}, is ${containerStatusWord(container.status)}` +
        `${container.nodeName === "" ? "" : ` on ${container.nodeName}`}`,
    );
  }
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
    ["Node", container.nodeName],
    ["Cluster", container.clusterName],
    ["Endpoints", endpointsText(container.endpoints)],
    ["Resources", resourcesText(container.resources)],
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

function required(container: Container | undefined, id: string): Container {
  if (container !== undefined) return container;
  throw new CliFailure(exitCode.notFound, `there is no container ${id}`, "lormas container ls");
}
