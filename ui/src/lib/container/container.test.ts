import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  ContainerSchema,
  ContainerStatus,
  ContainerType,
  DesiredState,
  MigrationStatus,
} from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { describe, expect, test } from "vitest";
import { type ContainerAction, whyNot } from "./container-actions.ts";
import { filterContainers } from "./container-filter.ts";

const container = (rest: MessageInitShape<typeof ContainerSchema>) =>
  create(ContainerSchema, {
    name: "web",
    type: ContainerType.HA,
    desiredState: DesiredState.RUNNING,
    status: ContainerStatus.RUNNING,
    migrationStatus: MigrationStatus.IDLE,
    ...rest,
  });
const all: readonly ContainerAction[] = ["start", "stop", "kill", "restart", "delete", "migrate"];
const offered = (rest: MessageInitShape<typeof ContainerSchema>) =>
  all.filter((action) => whyNot(container(rest), action) === null);

describe("what is offered", () => {
  test("depends on what the container does and is", () => {
    expect(offered({})).toEqual(["stop", "kill", "restart", "delete", "migrate"]);
    expect(offered({ type: ContainerType.STANDARD })).toEqual(["stop", "kill", "restart", "delete"]);
    expect(offered({ desiredState: DesiredState.STOPPED, status: ContainerStatus.STOPPED })).toEqual([
      "start",
      "delete",
    ]);
    expect(offered({ status: ContainerStatus.FAILED })).toEqual(["start", "stop", "kill", "delete", "migrate"]);
    // A stop that hangs is cut short.
    expect(offered({ desiredState: DesiredState.STOPPED, status: ContainerStatus.STOPPING })).toContain("kill");
  });

  test("is no start while it is suspended, and why", () => {
    const suspension = { by: "user:ann", reason: "unpaid" };
    const stopped = { desiredState: DesiredState.STOPPED, status: ContainerStatus.STOPPED, suspension };
    expect(offered(stopped)).toEqual(["delete"]);
    expect(whyNot(container(stopped), "start")).toBe("It is suspended: unpaid");
  });

  test("is nothing while it is moved or removed", () => {
    expect(offered({ migrationStatus: MigrationStatus.MIGRATING })).toEqual([]);
    expect(offered({ status: ContainerStatus.REMOVING })).toEqual([]);
  });

  test("is as before after a migration that completed or failed", () => {
    for (const migrationStatus of [MigrationStatus.COMPLETED, MigrationStatus.FAILED]) {
      expect(offered({ migrationStatus })).toContain("migrate");
    }
  });
});

test("a search finds every word in name, node, egg or status, within a type", () => {
  const list = [
    container({ name: "web", nodeName: "node-1", eggId: "hello-http" }),
    container({ name: "db", nodeName: "node-2", type: ContainerType.STANDARD, status: ContainerStatus.STOPPED }),
  ];
  const names = (search: string, type: Parameters<typeof filterContainers>[2] = "all") =>
    filterContainers(list, search, type).map(({ name }) => name);
  expect(names("")).toEqual(["web", "db"]);
  expect(names("NODE-1 hello")).toEqual(["web"]);
  expect(names("stopped")).toEqual(["db"]);
  expect(names("", "ha")).toEqual(["web"]);
  expect(names("web", "standard")).toEqual([]);
});
