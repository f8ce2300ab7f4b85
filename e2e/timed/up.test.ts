import { statSync } from "node:fs";
import { afterAll, expect, test } from "vitest";
import { until } from "../../lab/src/until.ts";
import { Fleet } from "../fleet/fleet.ts";
import { copiesOf, describe as listed } from "../fleet/fleet-processes.ts";

const fleet = new Fleet({ environment: { LORMAS_PROFILE: "fast" } });
afterAll(() => fleet.dispose());

const kinds = () => {
  const lines = fleet.processes().map(({ argv }) => argv.join(" "));
  const count = (part: string) => lines.filter((line) => line.includes(part)).length;
  return {
    supervisor: count("cli/src/main.ts up"),
    coordinator: count("coordinator/src/main.ts"),
    agents: count("agent/src/main.ts"),
    guards: count("guard/main.mjs"),
    postgres: lines.filter((line) => /bin\/postgres |^postgres: /.test(line)).length,
    containers: fleet.processes().filter(({ environment }) => environment.has("LORMAS_CONTAINER")).length,
  };
};

async function healthyNodes(): Promise<string[]> {
  const { body } = await fleet.rest().get("/api/v1/nodes");
  const nodes = body["nodes"] as { name: string; status: string }[];
  return nodes.filter(({ status }) => status === "NODE_STATUS_HEALTHY").map(({ name }) => name);
}

test("up from an empty directory: three healthy nodes, the password once, all state private", async () => {
  await fleet.start();
  expect(await healthyNodes()).toEqual(["node-1", "node-2", "node-3"]);
  expect(fleet.output).toContain(`Dashboard  ${fleet.httpUrl}`);
  expect(fleet.output.match(/Password {3}\S{12,}/g)).toHaveLength(1);
  for (const path of [fleet.dataDir.adminToken, fleet.dataDir.socket]) expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(statSync(fleet.dataDir.path).mode & 0o777).toBe(0o700);
  expect(kinds()).toMatchObject({ supervisor: 1, coordinator: 1, agents: 3, guards: 3 });
  await fleet.createRunning("web");
  expect(kinds().containers).toBeGreaterThan(0);
});

test("Ctrl-C ends everything that up started, with exit code 0", async () => {
  const { code, tookMs } = await fleet.interrupt();
  expect(listed(fleet.processes())).toBe("");
  expect(code).toBe(0);
  expect(tookMs).toBeLessThan(8_000);
});

test("the second start shows the same fleet, without a password", async () => {
  await fleet.start();
  expect(await healthyNodes()).toEqual(["node-1", "node-2", "node-3"]);
  expect(fleet.output).not.toContain("Password");
  expect(kinds()).toMatchObject({ agents: 3, guards: 3 });
  // The status is stored: only its process tells that it runs again.
  await until("web runs again", 30_000, () => copiesOf(fleet.processes(), "web").length === 1);
  await fleet.container("web", "RUNNING");
  const { body } = await fleet.rest().get("/api/v1/nodes");
  expect(body["nodes"]).toHaveLength(3);
});

test("a second up on the same directory is refused and disturbs nothing", async () => {
  const second = await fleet.cli("up");
  expect(second.code).toBe(6);
  expect(second.stderr).toContain("next:");
  expect(await healthyNodes()).toHaveLength(3);
});

test("kill -9 of up leaves no agent, guard, container, database or coordinator after 5 s", async () => {
  expect(kinds()).toMatchObject({ supervisor: 1, coordinator: 1, agents: 3, guards: 3 });
  expect(kinds().postgres).toBeGreaterThan(0);
  expect(kinds().containers).toBeGreaterThan(0);
  await fleet.killSupervisor();
  await fleet.gone(5_000);
});
