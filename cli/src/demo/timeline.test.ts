import { create } from "@bufbuild/protobuf";
import { ChangeSchema } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { describe, expect, it } from "vitest";
import { boundLine } from "./failover-bound.ts";
import { freeDemoName } from "./free-name.ts";
import { timelineLine, timelineText } from "./timeline.ts";

const subject = { containerId: "c1", nodeId: "n1" };

function change(type: string, ids: { nodeId?: string; containerId?: string }, message = "it happened", summary = "") {
  return create(ChangeSchema, {
    event: { type, message, ...ids },
    ...(summary === "" ? {} : { migration: { containerId: ids.containerId ?? "", decision: { summary } } }),
  });
}

describe("the timeline of a failover", () => {
  it("has the steps of this node and this container, and no others", () => {
    expect(timelineText(change("node.dead", { nodeId: "n1" }), subject)).toMatch(/^lease over +it happened$/);
    expect(timelineText(change("node.dead", { nodeId: "n2" }), subject)).toBeUndefined();
    expect(timelineText(change("container.running", { containerId: "c1" }), subject)).toMatch(/^running/);
    expect(timelineText(change("container.running", { containerId: "c2" }), subject)).toBeUndefined();
    expect(timelineText(change("coordinator.leading", {}), subject)).toBeUndefined();
  });

  it("says why the target was chosen, once", () => {
    const why = "node-2 has the most free memory";
    const text = timelineText(change("migration.target_chosen", { containerId: "c1" }, "goes to node-2", why), subject);
    expect(text).toContain(`goes to node-2: ${why}`);
    const again = timelineText(change("migration.target_chosen", { containerId: "c1" }, why, why), subject);
    expect(again?.split(why)).toHaveLength(2);
  });

  it("has the states of the migration that a spectator waits for", () => {
    const state = (name: string) =>
      create(ChangeSchema, {
        event: { type: "migration.state", message: name, containerId: "c1", data: { state: name } },
      });
    expect(timelineText(state("starting"), subject)).toMatch(/^starting/);
    expect(timelineText(state("cleaning_up"), subject)).toBeUndefined();
  });

  it("keeps control characters of a message off the terminal", () => {
    expect(timelineText(change("node.dead", { nodeId: "n1" }, "a\u001b[2Jb\u0007"), subject)).toMatch(/ab$/);
  });

  it("counts from the kill", () => {
    expect(timelineLine(6712, "lease over")).toBe("  +  6.71 s  lease over");
  });
});

describe("the bound of a failover", () => {
  it("is said with its terms", () => {
    const terms = { waitMs: 6700, heartbeatMs: 600, decisionMs: 1000, startMs: 2000 };
    expect(boundLine(10_300, terms)).toBe("bound 10.3 s = wait W 6.7 + heartbeat 0.6 + decision 1.0 + start 2.0");
  });

  it("shows what its terms do not explain", () => {
    const terms = { waitMs: 6650, heartbeatMs: 600, decisionMs: 1000, startMs: 2000 };
    expect(boundLine(10_500, terms)).toContain("wait W 6.65");
    expect(boundLine(10_500, terms)).toContain("+ other 0.25");
  });
});

describe("the name of a demonstration's container", () => {
  it("is the first that is free", () => {
    expect(freeDemoName([])).toBe("demo-1");
    expect(freeDemoName(["demo-1", "web", "demo-3"])).toBe("demo-2");
  });
});
