import { create, toJson } from "@bufbuild/protobuf";
import { createValidator } from "@bufbuild/protovalidate";
import {
  CommandResultSchema,
  CommandSchema,
  HeartbeatSchema,
  HelloSchema,
  LogLineSchema,
} from "@lormas/gen/lormas/agent/v1/agent_pb.ts";
import { WorkloadSpecSchema, WorkloadState, WorkloadStatusSchema } from "@lormas/gen/lormas/agent/v1/workload_pb.ts";
import { expect, test } from "vitest";
import type { OutboundCommand, OutboundWorkload } from "../runtime/agent-link.ts";
import { testKeyring } from "../secrets/test-keyring.ts";
import { commandTo, heartbeatOf, helloOf, logLineOf, observedOf, resultOf } from "./wire-mapping.ts";

const CONTAINER = "11111111-1111-4111-8111-111111111111";
const workload: OutboundWorkload = {
  containerName: "web",
  ha: true,
  spec: {
    image: "example/web:1",
    startup: { exec: "node server.js" },
    env: { MODE: "fast" },
    ports: [{ name: "http", containerPort: 80, protocol: "tcp", fixedHostPort: null }],
    volumes: [{ name: "data", path: "/data", kind: "local" }],
    stop: { signal: "SIGTERM", graceMs: 3_000 },
    health: {
      ...{ kind: "http" as const, portName: "http", path: "/", command: "", intervalMs: 200, timeoutMs: 500 },
    },
    startBudgetMs: 9_000,
  },
  ports: [{ name: "http", containerPort: 80, hostPort: 20_001, protocol: "tcp" }],
  cpuMillis: 500,
  memoryBytes: 2 ** 40,
  diskBytes: 7,
};
const keyring = testKeyring();
const open = keyring.openWorkload.bind(keyring);
const command = (action: OutboundCommand["action"]): OutboundCommand => ({
  ...{ commandId: "22222222-2222-4222-8222-222222222222", term: 3, session: 4, containerId: CONTAINER },
  ...{ epoch: 5, timeoutMs: 6_000, requestId: "deploy-2026-11", action },
});

test("a start carries everything that the agent needs, with the host ports of the placement", () => {
  const wire = commandTo(command({ kind: "start", workload }), open, () => []);
  expect(wire).toMatchObject({ term: 3n, session: 4n, epoch: 5n, timeoutMs: 6_000, requestId: "deploy-2026-11" });
  expect(wire.action.case === "start" && wire.action.value.spec).toMatchObject({
    ...{ containerId: CONTAINER, containerName: "web", ha: true, image: "example/web:1" },
    ...{ startup: { exec: "node server.js" }, env: { MODE: "fast" } },
    ports: [{ name: "http", containerPort: 80, hostPort: 20_001, protocol: "tcp" }],
    volumes: [{ name: "data", path: "/data", kind: "local" }],
    limits: { cpuMillis: 500, memoryBytes: 2n ** 40n, diskBytes: 7n },
    stop: { signal: "SIGTERM", graceMs: 3_000 },
    health: { kind: "http", portName: "http", intervalMs: 200, timeoutMs: 500, startBudgetMs: 9_000 },
  });
});

test("logins go along for the registries of its images, beside what the agent keeps", () => {
  const install = { image: "ghcr.io/team/installer", entrypoint: "bash", script: "true", timeoutMs: 60_000 };
  const equipment = { volume: "data", readyLines: [], install, configFiles: [] };
  const asked: string[] = [];
  const sent = { ...command({ kind: "start", workload: { ...workload, spec: { ...workload.spec, equipment } } }) };
  const wire = commandTo({ ...sent, clusterId: "cluster-1" }, open, (clusterId, servers) => {
    asked.push(clusterId, ...servers);
    return [{ server: "ghcr.io", username: "robot", password: "canary" }];
  });
  expect(asked).toEqual(["cluster-1", "docker.io", "ghcr.io"]);
  const value = wire.action.case === "startEquipped" ? wire.action.value : expect.fail();
  expect(value.registries).toMatchObject([{ server: "ghcr.io", username: "robot", password: "canary" }]);
  expect(JSON.stringify(toJson(WorkloadSpecSchema, value.spec ?? expect.fail()))).not.toContain("canary");
  expect(createValidator().validate(CommandSchema, wire).kind).toBe("valid");
});

test("whether a registry is to be asked goes along, and what an image was found to be comes back", () => {
  const asking = commandTo(command({ kind: "prepare", workload: { ...workload, askRegistry: true } }), open, () => []);
  expect(asking.action.value).toMatchObject({ askRegistry: true });
  const image = { digest: `sha256:${"a".repeat(64)}`, note: "said\0" };
  const result = create(CommandResultSchema, { commandId: CONTAINER, ok: true, image });
  expect(createValidator().validate(CommandResultSchema, result).kind).toBe("valid");
  expect(resultOf(result).image).toEqual({ ...image, note: "said\uFFFD" });
});

test("every action becomes a command that the agent's own validation accepts", () => {
  const validator = createValidator();
  const noHealth = { ...workload, spec: { ...workload.spec, health: null } };
  const actions: OutboundCommand["action"][] = [
    { kind: "prepare", workload },
    { kind: "start", workload: noHealth },
    { kind: "stop", graceMs: 0 },
    { kind: "remove", removeVolumes: true },
  ];
  for (const action of actions) {
    const wire = commandTo(command(action), open, () => []);
    expect(wire.action.case).toBe(action.kind);
    expect(validator.validate(CommandSchema, wire).kind).toBe("valid");
  }
});

test("what needs equipment travels under names that an older agent does not know, and carries all of it", () => {
  const install = { image: "installer", entrypoint: "bash", script: "echo hi", timeoutMs: 60_000 };
  const replacements = [
    { match: "port", ifValue: null, value: "{{env.SERVER_PORT}}" },
    { match: "on", ifValue: "x", value: true },
    { match: "count", ifValue: null, value: 7 },
    { match: "none", ifValue: null, value: null },
  ];
  const configFiles = [{ path: "a.yml", parser: "yaml" as const, replacements }];
  const equipment = { volume: "data", readyLines: ["Done"], install, configFiles };
  const equipped = { ...workload, spec: { ...workload.spec, equipment } };
  for (const kind of ["prepare", "start"] as const) {
    const wire = commandTo(command({ kind, workload: equipped }), open, () => []);
    expect(wire.action.case).toBe(`${kind}Equipped`);
    expect(createValidator().validate(CommandSchema, wire).kind).toBe("valid");
    expect(wire.action.value).toMatchObject({
      spec: {
        equipment: {
          ...{ volume: "data", ready: { lines: ["Done"], budgetMs: 9_000 }, install },
          configFiles: [
            {
              ...{ path: "a.yml", parser: "yaml" },
              replacements: [
                { match: "port", value: { case: "text", value: "{{env.SERVER_PORT}}" } },
                { match: "on", ifValue: "x", value: { case: "flag", value: true } },
                { match: "count", value: { case: "number", value: 7 } },
                { match: "none", value: { case: undefined } },
              ],
            },
          ],
        },
      },
    });
  }
  expect(commandTo(command({ kind: "install", workload: equipped }), open, () => []).action.case).toBe("install");
});

test("a container with a terminal travels under names that an agent without terminals does not know", () => {
  const equipment = { volume: "data", readyLines: ["Done"], install: null, configFiles: [] };
  for (const more of [{}, { equipment }]) {
    const terminal = { ...workload, spec: { ...workload.spec, tty: true, ...more } };
    for (const kind of ["prepare", "start"] as const) {
      const wire = commandTo(command({ kind, workload: terminal }), open, () => []);
      expect(wire.action.case).toBe(`${kind}WithTerminal`);
      expect(createValidator().validate(CommandSchema, wire).kind).toBe("valid");
      expect(wire.action.value).toMatchObject({ spec: { tty: true } });
    }
  }
});

test("a status of a state that we do not know is no status", () => {
  const status = { containerId: CONTAINER, epoch: 2n, session: 1n, detail: "x".repeat(5_000) };
  expect(observedOf(create(WorkloadStatusSchema, status))).toBeNull();
  const exited = create(WorkloadStatusSchema, { ...status, state: WorkloadState.EXITED, exitCode: 0 });
  expect(observedOf(exited)).toEqual({
    ...{ containerId: CONTAINER, epoch: 2, session: 1, state: "exited", exitCode: 0, detail: "x".repeat(1_024) },
  });
  const running = create(WorkloadStatusSchema, { ...status, state: WorkloadState.RUNNING });
  expect(observedOf(running)?.exitCode).toBeNull();
});

test("what a container uses is told where it was measured, and bytes of networks and disks where they are counted", () => {
  const status = { containerId: CONTAINER, epoch: 2n, session: 1n, state: WorkloadState.RUNNING };
  const usage = (change: object) => observedOf(create(WorkloadStatusSchema, { ...status, ...change }))?.usage;
  expect(usage({ cpuUsedMillis: 7 })).toBeUndefined();
  expect(usage({ cpuUsedMillis: 7, memoryUsedBytes: 4_096n })).toEqual({ cpuMillis: 7, memoryBytes: 4_096 });
  const io = { networkReceivedBytes: 1n, networkSentBytes: 2n, diskReadBytes: 3n, diskWrittenBytes: 2n ** 64n - 1n };
  expect(usage({ memoryUsedBytes: 1n, io })).toMatchObject({
    io: { networkReceivedBytes: 1, networkSentBytes: 2, diskReadBytes: 3, diskWrittenBytes: Number.MAX_SAFE_INTEGER },
  });
});

test("numbers beyond 2^53 are read as the greatest exact one", () => {
  const wire = create(HeartbeatSchema, { sequence: 2n ** 64n - 1n, usage: { memoryBytes: 2n ** 64n - 1n } });
  expect(heartbeatOf(wire)).toMatchObject({
    sequence: 2n ** 64n - 1n,
    usage: { cpuMillis: 0, memoryBytes: Number.MAX_SAFE_INTEGER, diskBytes: 0 },
  });
});

test("a result without a status says so, and a log line keeps its time and channel", () => {
  expect(resultOf(create(CommandResultSchema, { commandId: CONTAINER, errorCode: "port_taken" }))).toEqual({
    ...{
      commandId: CONTAINER,
      ok: false,
      errorCode: "port_taken",
      errorMessage: "",
      status: null,
      tookMs: 0,
      image: null,
    },
  });
  const line = create(LogLineSchema, { at: { seconds: 7n, nanos: 12_900_000 }, stream: "stderr", text: "oh" });
  expect(logLineOf(line)).toEqual({ atMs: 7_012, stream: "stderr", text: "oh" });
});

test("what an agent says can always be stored: no NUL, no half of a character", () => {
  const cut = `${"x".repeat(1_023)}😀`;
  const detail = (said: string) =>
    observedOf(create(WorkloadStatusSchema, { containerId: CONTAINER, state: WorkloadState.EXITED, detail: said }))
      ?.detail;
  expect(detail("last words: \0")).toBe("last words: \uFFFD");
  expect(detail(cut)).toBe(`${"x".repeat(1_023)}\uFFFD`);
  const result = resultOf(create(CommandResultSchema, { commandId: CONTAINER, errorCode: "a\0", errorMessage: "b\0" }));
  expect(result).toMatchObject({ errorCode: "a\uFFFD", errorMessage: "b\uFFFD" });
  expect(helloOf(create(HelloSchema, { incarnation: CONTAINER, platform: "c\0" })).platform).toBe("c\uFFFD");
});
