import { create } from "@bufbuild/protobuf";
import {
  ContainerSchema,
  ContainerStatus,
  ContainerType,
  NodeApprovalSchema,
  NodeSchema,
  NodeStatus,
} from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { expect, test } from "vitest";
import { summarize } from "./fleet-summary.ts";

test("a fleet that is well has no concerns", () => {
  const nodes = [create(NodeSchema, { id: "n", name: "n", status: NodeStatus.HEALTHY, guarded: true })];
  const containers = [
    create(ContainerSchema, { id: "c", name: "c", status: ContainerStatus.RUNNING, type: ContainerType.HA }),
    create(ContainerSchema, { id: "d", name: "d", status: ContainerStatus.STOPPED }),
  ];
  expect(summarize(nodes, containers, [])).toMatchObject({
    nodes: 1,
    healthyNodes: 1,
    containers: 2,
    runningContainers: 1,
    haContainers: 1,
    concerns: [],
  });
});

test("what failed comes before what only needs a look, and each names its reason", () => {
  const nodes = [
    create(NodeSchema, { id: "n1", name: "n1", status: NodeStatus.UNHEALTHY, guarded: true }),
    create(NodeSchema, { id: "n2", name: "n2", status: NodeStatus.DEAD }),
  ];
  const containers = [
    create(ContainerSchema, { id: "c", name: "c", status: ContainerStatus.UNPLACED, statusReason: "No room." }),
    create(ContainerSchema, { id: "d", name: "d", status: ContainerStatus.FAILED }),
  ];
  expect(summarize(nodes, containers, []).concerns.map(({ tone, text }) => `${tone} ${text}`)).toEqual([
    "bad n2 is dead.",
    "bad d: given up; start it to try again.",
    "warn n1 does not send heartbeats.",
    "warn c: No room.",
  ]);
});

test("who waits to be let in, and what does not fit its node any more, is named, and the first is no node yet", () => {
  const approval = create(NodeApprovalSchema, { keyFingerprint: "SHA256:k" });
  const unmetDemand = "zone=b is demanded, the node's zone does not meet it";
  const { nodes, concerns } = summarize(
    [create(NodeSchema, { id: "n", name: "host-9", status: NodeStatus.PENDING, approval })],
    [create(ContainerSchema, { id: "c", name: "web", status: ContainerStatus.RUNNING, unmetDemand })],
    [],
  );
  expect(nodes).toBe(0);
  expect(concerns.map(({ text }) => text)).toEqual([
    "host-9 waits to be let in.",
    "web is where it would not be placed now: zone=b is demanded, the node's zone does not meet it.",
  ]);
});
