import { afterAll, beforeAll, expect, test } from "vitest";
import { until } from "../lab/src/until.ts";
import { Fleet } from "./fleet/fleet.ts";
import { copiesOf } from "./fleet/fleet-processes.ts";

/** A shorter W, so that two of them pass in seconds. */
let fleet: Fleet;
beforeAll(async () => {
  fleet = await Fleet.up({ environment: { LORMAS_PROFILE: "lan" } });
});
afterAll(() => fleet?.dispose());

const local = async () => {
  const { cluster } = await fleet.api().clusters.getCluster({ id: "local" });
  return cluster ?? expect.fail("there is no cluster local");
};

test("the cluster shows three voters that hold leases, and its bound term by term", async () => {
  await until("three voters hold leases", 20_000, async () => {
    const { group } = await local();
    return group?.voters.filter((voter) => voter.heldMs > 2_000n).length === 3;
  });
  const { code, stdout } = await fleet.cli("cluster", "show", "local");
  expect(code).toBe(0);
  expect(stdout).toMatch(/at most \d+\.\d s without service after a node dies = wait 1\.2 \+ heartbeat 0\.1/);
  for (const node of ["node-1", "node-2", "node-3"]) expect(stdout).toMatch(new RegExp(`^${node} +holds a lease`, "m"));
  const profiles = await fleet.cli("cluster", "profiles");
  expect(profiles.stdout).toMatch(/^patient .* 30\.0 s/m);
});

test("with two of three nodes killed nothing moves, the cluster says why and whom it misses; a person's word moves it", async () => {
  const placed = await fleet.createRunning("survivor");
  const lost = ["node-1", "node-2", "node-3"].filter((name) => name !== placed.nodeName).slice(0, 1);
  lost.push(placed.nodeName);
  lost.sort();
  for (const name of lost) await fleet.control.kill(name);
  await until("automatic migration is suspended", 30_000, async () => (await local()).suspension !== undefined);
  const { suspension } = await local();
  expect(suspension?.silentNodes).toEqual(lost);
  expect(suspension?.missingVoters).toEqual(lost);
  const { container } = await fleet.api().containers.getContainer({ id: "survivor" });
  expect(container?.nodeName).toBe(placed.nodeName);
  expect(copiesOf(fleet.processes(), "survivor")).toHaveLength(0);
  const shown = await fleet.cli("cluster", "show", "local");
  expect(shown.stdout).toContain(`--node ${lost[0]} --node ${lost[1]}`);

  const alive = ["node-1", "node-2", "node-3"].filter((name) => !lost.includes(name));
  const refused = await fleet.cli("cluster", "override", "local", "--node", alive[0] ?? "", "--reason", "a test");
  expect(refused.stderr).toContain("is heard");
  expect(refused.code).toBe(6);

  const nodes = lost.flatMap((name) => ["--node", name]);
  const overridden = await fleet.cli("cluster", "override", "local", ...nodes, "--reason", "they were killed");
  expect([overridden.code, overridden.stderr]).toEqual([0, ""]);
  await until("the container runs on the node that is left", 30_000, async () => {
    const { container: now } = await fleet.api().containers.getContainer({ id: "survivor" });
    return now?.nodeName === alive[0] && copiesOf(fleet.processes(), "survivor").length === 1;
  });
  await until("the suspension is over", 10_000, async () => (await local()).suspension === undefined);
});
