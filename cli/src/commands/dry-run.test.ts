import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient, createRouterTransport } from "@connectrpc/connect";
import { ContainerSchema, ContainerType } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { ContainerService } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { Command } from "commander";
import { beforeEach, expect, test } from "vitest";
import type { CliContext } from "../cli-context.ts";
import type { ApiClient } from "../client/api-client.ts";
import { systemClock } from "../clock.ts";
import { addContainerCommands } from "./container.ts";

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

/** Runs `lormas container …`; what it prints and warns of. */
async function container(...args: string[]): Promise<{ out: string[]; warned: string[] }> {
  const out: string[] = [];
  const warned: string[] = [];
  // These commands ask for nothing else of where they run.
  const context = {
    clock: systemClock,
    env: {},
    print: (line: string) => out.push(line),
    warn: (line: string) => warned.push(line),
    randomHex: () => "0123456789abcdef0123456789abcdef",
    api: () => ({ containers: createClient(ContainerService, transport) }) as unknown as ApiClient,
  } as unknown as CliContext;
  const program = new Command().exitOverride().configureOutput({ writeErr: () => {} });
  addContainerCommands(program, context);
  await program.parseAsync(["container", ...args], { from: "user" });
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
