import { describe, expect, it } from "vitest";
import { BackOff } from "./back-off.ts";
import { parseCoordinatorReady } from "./coordinator-ready.ts";
import { planNodes } from "./node-plan.ts";
import { readyReport } from "./ready-report.ts";

describe("starting a child again", () => {
  it("waits twice as long after each early death, at most 10 s, and anew after a run of 30 s", () => {
    const backOff = new BackOff();
    expect([0, 0, 0, 0, 0, 0, 0].map((ranMs) => backOff.nextMs(ranMs))).toEqual([
      500, 1000, 2000, 4000, 8000, 10_000, 10_000,
    ]);
    expect(backOff.nextMs(30_000)).toBe(500);
    expect(backOff.nextMs(29_999)).toBe(1000);
  });
});

describe("the plan of a local fleet", () => {
  it("gives each node an address of its own where there is a range of them, else ports of its own", () => {
    expect(planNodes(3, "127.0.1").map((node) => node.address)).toEqual(["127.0.1.1", "127.0.1.2", "127.0.1.3"]);
    expect(planNodes(2, undefined).map((node) => node.portPool)).toEqual(["20000-20999", "21000-21999"]);
    expect(planNodes(2, undefined).map((node) => node.peerListen)).toEqual(["127.0.0.1:0", "127.0.0.1:0"]);
    expect(planNodes(2, "127.0.1").map((node) => node.peerListen)).toEqual([undefined, undefined]);
  });
});

describe("the coordinator's ready message", () => {
  const ready = { type: "ready", httpUrl: "http://127.0.0.1:8080", agentAddress: "127.0.0.1:7443", adminEmail: "a@b" };

  it("is told from other messages", () => {
    expect(parseCoordinatorReady({ ...ready, type: "log" })).toBeUndefined();
    expect(parseCoordinatorReady({ type: "ready" })).toBeUndefined();
    expect(parseCoordinatorReady(null)).toBeUndefined();
    expect(parseCoordinatorReady(ready)?.firstPassword).toBeUndefined();
  });

  it("shows the password only when there is one", () => {
    const first = parseCoordinatorReady({ ...ready, firstPassword: "pass-word" });
    const second = parseCoordinatorReady(ready);
    if (first === undefined || second === undefined) throw new Error("not parsed");
    expect(readyReport(first).join("\n")).toContain("pass-word");
    expect(readyReport(second).join("\n")).not.toContain("Password");
    expect(readyReport(second).join("\n")).toContain("npx lormas demo failover");
  });
});
