import { afterAll, beforeAll, expect, test } from "vitest";
import { Fleet } from "../fleet/fleet.ts";
import { copiesOf } from "../fleet/fleet-processes.ts";

/** The figures of the default profile count here, so the fleet is set up as a newcomer's. */
let fleet: Fleet;
let victim: string;
beforeAll(async () => {
  fleet = await Fleet.up();
});
afterAll(() => fleet?.dispose());

test("demo failover kills a node, shows the timeline, and the container is back within the bound", async () => {
  const { code, stdout, stderr } = await fleet.cli("demo", "failover");
  expect(stderr).toBe("");
  const seconds = Number(/^(\d+\.\d) s without service$/m.exec(stdout)?.[1]);
  const bound = Number(/^bound (\d+\.\d) s: held$/m.exec(stdout)?.[1]);
  expect(seconds, stdout).toBeGreaterThan(0);
  expect(bound, stdout).toBeGreaterThanOrEqual(seconds);
  expect(code).toBe(0);
  // W of the default profile is what keeps a second copy from starting: nothing may make it shorter.
  expect(seconds).toBeGreaterThanOrEqual(6.0);
  const steps = ["killed", "heartbeat lost", "lease over", "target chosen", "starting", "answering"];
  const positions = steps.map((step) => stdout.search(new RegExp(`^ {2}\\+ .* s {2}${step}`, "m")));
  expect(positions, stdout).not.toContain(-1);
  expect(positions).toEqual([...positions].sort((a, b) => a - b));
  victim = /^Bring (node-\d) back: npx lormas demo revive \1$/m.exec(stdout)?.[1] ?? "";
  expect(victim).not.toBe("");
  expect(copiesOf(fleet.processes(), "demo-1")).toHaveLength(1);
  const agents = fleet.processes().filter(({ argv }) => argv.join(" ").includes("agent/src/main.ts"));
  expect(agents).toHaveLength(2);
});

test("a killed node cannot be killed again, and the CLI says what to do", async () => {
  await fleet.nodes("DEAD", [victim]);
  const shown = await fleet.cli("node", "show", victim, "-o", "json");
  expect(JSON.parse(shown.stdout)).toMatchObject({ name: victim, status: "NODE_STATUS_DEAD" });
  await expect(fleet.control.kill(victim)).rejects.toThrow("down already");
});

test("demo revive brings the node back, with nothing of the old session on it", async () => {
  const { code, stdout, stderr } = await fleet.cli("demo", "revive", victim);
  expect([code, stderr]).toEqual([0, ""]);
  expect(stdout).toContain(`${victim} is healthy`);
  await fleet.nodes("HEALTHY");
  const { node } = await fleet.api().nodes.getNode({ id: victim });
  expect(node).toMatchObject({ name: victim, containerCount: 0 });
  expect(copiesOf(fleet.processes(), "demo-1")).toHaveLength(1);
  const again = await fleet.cli("demo", "revive", victim);
  expect(again.code).toBe(6);
});
