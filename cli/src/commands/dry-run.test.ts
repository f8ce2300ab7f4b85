import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient, createRouterTransport } from "@connectrpc/connect";
import { ContainerSchema, ContainerType } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import {
  AccessService,
  ClusterService,
  ContainerService,
  EggService,
  NodeService,
} from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { Command } from "commander";
import { beforeEach, expect, test } from "vitest";
import type { CliContext } from "../cli-context.ts";
import type { ApiClient } from "../client/api-client.ts";
import { systemClock } from "../clock.ts";
import { addClusterCommands } from "./cluster.ts";
import { addContainerCommands } from "./container.ts";
import { addEggCommands } from "./egg.ts";
import { addNodeCommands } from "./node.ts";
import { addRoleCommands } from "./role.ts";

let asked: [method: string, validateOnly: boolean][];
beforeEach(() => {
  asked = [];
});

const web = create(ContainerSchema, {
  ...{ name: "web", type: ContainerType.HA, nodeName: "node-1", clusterName: "local" },
  resources: { cpuMillis: 500, memoryBytes: 1024n, diskBytes: 0n },
  endpoints: [{ name: "http", address: "10.0.0.1", port: 8081 }],
});
const nowhere = create(ContainerSchema, {
  ...web,
  nodeName: "",
  clusterName: "",
  endpoints: [],
  statusReason: "no node has room",
});

const transport = createRouterTransport(({ service }) => {
  service(ClusterService, {
    createCluster: ({ name, validateOnly }) => noted("cluster create", validateOnly, { cluster: { name } }),
    updateCluster: ({ id, validateOnly }) => noted("cluster update", validateOnly, { cluster: { name: id } }),
    deleteCluster: ({ validateOnly }) => noted("cluster rm", validateOnly, {}),
  });
  service(NodeService, {
    getNode: ({ id }) => ({ node: { id, name: id } }),
    updateNode: ({ id, priority, validateOnly }) =>
      noted("node update", validateOnly, { node: { name: id, priority: priority ?? 10 } }),
    removeNode: ({ validateOnly }) => noted("node rm", validateOnly, {}),
  });
  service(EggService, { deleteEgg: ({ validateOnly }) => noted("egg rm", validateOnly, {}) });
  service(AccessService, {
    getRole: ({ name }) => ({ role: { name } }),
    createRole: ({ name, grants, validateOnly }) =>
      noted("role create", validateOnly, { role: { name, permissions: grants } }),
    updateRole: ({ name, grants, validateOnly }) =>
      noted("role update", validateOnly, { role: { name, permissions: grants } }),
    deleteRole: ({ validateOnly }) => noted("role rm", validateOnly, {}),
  });
  service(ContainerService, {
    createContainer({ name, validateOnly }) {
      asked.push(["create", validateOnly]);
      if (name === "taken") throw new ConnectError("there is one", Code.AlreadyExists);
      return { container: name === "big" ? nowhere : web, warnings: ["N+1 does not hold"] };
    },
    updateContainer({ validateOnly }) {
      asked.push(["update", validateOnly]);
      return { container: web };
    },
    deleteContainer({ validateOnly }) {
      asked.push(["delete", validateOnly]);
      return { container: web };
    },
  });
});

const noted = <T>(command: string, validateOnly: boolean, answer: T): T => {
  asked.push([command, validateOnly]);
  return answer;
};

const GROUPS = [addContainerCommands, addClusterCommands, addNodeCommands, addEggCommands, addRoleCommands];

const container = (...args: string[]) => lormas("container", ...args);

/** Runs `lormas …`; what it prints and warns of. */
async function lormas(...args: string[]): Promise<{ out: string[]; warned: string[] }> {
  const out: string[] = [];
  const warned: string[] = [];
  // These commands ask for nothing else of where they run.
  const context = {
    clock: systemClock,
    env: {},
    print: (line: string) => out.push(line),
    warn: (line: string) => warned.push(line),
    randomHex: () => "0123456789abcdef0123456789abcdef",
    columns: () => undefined,
    api: () =>
      ({
        containers: createClient(ContainerService, transport),
        clusters: createClient(ClusterService, transport),
        nodes: createClient(NodeService, transport),
        eggs: createClient(EggService, transport),
        access: createClient(AccessService, transport),
      }) as unknown as ApiClient,
  } as unknown as CliContext;
  const program = new Command().exitOverride().configureOutput({ writeErr: () => {} });
  for (const add of GROUPS) add(program, context);
  await program.parseAsync(args, { from: "user" });
  return { out, warned };
}

test("--dry-run asks what would come of it, and says it with the warnings", async () => {
  const made = await container("create", "web", "--egg", "hello-http", "--ha", "--dry-run");
  const facts = "ha, on node-1 of cluster local, 0.5 cores, 1 KiB memory, 0 B disk, http 10.0.0.1:8081";
  expect(made).toEqual({ out: [`web would be created: ${facts}`], warned: ["warning: N+1 does not hold"] });
  expect((await container("update", "web", "--cpu", "0.5", "--dry-run")).out).toEqual([
    `web would be changed: ${facts}`,
  ]);
  expect((await container("rm", "web", "--dry-run")).out).toEqual([
    "web would be removed with its volumes, from node-1",
  ]);
  expect(asked).toEqual([
    ["create", true],
    ["update", true],
    ["delete", true],
  ]);
});

test("--dry-run says what keeps a container from a node", async () => {
  const { out } = await container("create", "big", "--egg", "hello-http", "--dry-run");
  expect(out).toEqual([
    "web would be created: ha, on no node yet, 0.5 cores, 1 KiB memory, 0 B disk; no node has room",
  ]);
});

test("--dry-run as JSON is the container of the answer, and what is refused is refused as it would be", async () => {
  const { out } = await container("rm", "web", "--dry-run", "-o", "json");
  expect(JSON.parse(out.join(""))).toMatchObject({ name: "web", nodeName: "node-1" });
  await expect(container("create", "taken", "--egg", "hello-http", "--dry-run")).rejects.toMatchObject({
    code: Code.AlreadyExists,
  });
});

test("nothing is waited for that is not done: --dry-run and --wait exclude each other", async () => {
  await expect(container("rm", "web", "--dry-run", "--wait")).rejects.toMatchObject({
    code: "commander.conflictingOption",
  });
  expect(asked).toEqual([]);
});

test("without --dry-run it is done", async () => {
  await container("rm", "web");
  expect(asked).toEqual([["delete", false]]);
});

test.each([
  ["cluster create hall-2 --profile fast", "hall-2 would be made:"],
  ["cluster update local --profile fast", "local would be changed:"],
  ["cluster rm hall-2", "hall-2 would be removed"],
  ["node update node-1 --priority 3", "node-1 would have priority 3; what runs stays where it is"],
  ["node rm node-1", "node-1 would be taken out of the fleet; its name would be free"],
  ["egg rm paper", "paper would be removed"],
  ["role create crew --grant container:view", "crew would be made:"],
  ["role update crew --grant container:view", "crew would be changed:"],
  ["role update crew --require-second-factor", "crew would be changed:"],
  ["role rm crew", "crew would be removed"],
])("lormas %s --dry-run changes nothing and says what would be", async (line, said) => {
  const { out } = await lormas(...line.split(" "), "--dry-run");
  expect(out[0]).toBe(said);
  const [group, verb] = line.split(" ");
  expect(asked).toEqual([[`${group} ${verb}`, true]]);
});
