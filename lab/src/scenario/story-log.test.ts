import { create } from "@bufbuild/protobuf";
import { EventSchema } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { expect, test } from "vitest";
import { StoryLog } from "./story-log.ts";

const told = (...types: readonly string[]): string => {
  const log = new StoryLog("A story");
  log.tell("web runs on host-2");
  const events = types.map((type) => create(EventSchema, { type, containerId: "1", nodeId: "2" }));
  log.events(events, { nodes: new Map([["2", "host-2"]]), containers: new Map([["1", "web"]]) });
  return log.text;
};

test("hosts are letters, and events stand by whom they concern", () => {
  const log = told("container.running", "node.dead", "migration.started", "migration.completed", "container.running");
  expect(log).toContain("web runs on A");
  expect(log).toContain("A: declared dead\n");
  expect(log).toContain("web: runs, is moved, moved, runs\n");
});

test("silence that ends without consequence is left out, and one that is followed by a move is told", () => {
  const [runs, unknown, moved] = ["container.running", "container.unknown", "migration.started"];
  expect(told(runs, unknown, runs, unknown, runs)).toContain("web: runs\n");
  expect(told(runs, unknown, moved, runs)).toContain("web: runs, unknown, is moved, runs\n");
});
