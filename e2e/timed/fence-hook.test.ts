import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ContainerType } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { LEASE_PROFILES, waitMs } from "@lormas/lease/lease-policy.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { until } from "../../lab/src/until.ts";
import { BEATING, CopyRecords, offerBeatingEgg, overlaps } from "../fleet/beating-copy.ts";
import { ProcessFleet } from "../fleet/process-fleet.ts";

/** Cuts a host off: everything that carries its mark gets SIGKILL, until there is nothing; only then the answer is yes. */
const HOOK = (marks: string) => `#!/bin/sh
mark=$(cat "${marks}/$LORMAS_FENCE_NODE_NAME") || exit 1
echo "cutting $LORMAS_FENCE_NODE_NAME of $LORMAS_FENCE_CLUSTER: $LORMAS_FENCE_REASON"
marked() { grep -lsa "LORMAS_HOST_MARK=$mark" /proc/[0-9]*/environ | cut -d/ -f3; }
alive() { for pid in $(marked); do grep -qs '^State:.*Z' "/proc/$pid/status" || echo "$pid"; done; }
while pids=$(alive); [ -n "$pids" ]; do kill -9 $pids 2>/dev/null; sleep 0.05; done
exit 0
`;

let fleet: ProcessFleet;
let copies: CopyRecords;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "lormas-fence-"));
  const hook = join(folder, "fence");
  writeFileSync(hook, HOOK(folder), { mode: 0o700 });
  fleet = await ProcessFleet.up({
    nodes: ["node-1", "node-2", "node-3"],
    environment: { LORMAS_PROFILE: "default", LORMAS_FENCE_HOOK: hook },
  });
  for (const [name, { mark }] of fleet.nodes) writeFileSync(join(folder, name), mark);
  await offerBeatingEgg(fleet.databaseUrl);
  copies = new CopyRecords(fleet.folder);
});
afterAll(async () => {
  await fleet?.dispose();
  rmSync(folder, { recursive: true, force: true });
});

test("a node whose agent hangs is cut off by the hook, and its container runs elsewhere well before W", async () => {
  await fleet.api().containers.createContainer({
    name: "beat-1",
    eggId: BEATING,
    type: ContainerType.HA,
    environment: { RECORD: copies.folder },
  });
  const before = await fleet.container("beat-1", "RUNNING");
  const source = before.nodeName;
  const agent = fleet.node(source).process;
  const begunMs = performance.now();
  const down = agent.stayDown();
  process.kill(agent.pid, "SIGSTOP");
  const after = await until("it runs elsewhere", 30_000, async () => {
    const { container } = await fleet.api().containers.getContainer({ id: "beat-1" });
    return container && container.nodeName !== source && container.nodeName !== "" ? container : undefined;
  });
  const second = await until("its second copy runs", 10_000, () => copies.of("beat-1")[1]);
  const tookMs = performance.now() - begunMs;
  await down;
  expect(second.node).toBe(after.nodeName);
  expect(tookMs, `it took ${tookMs} ms`).toBeLessThan(waitMs(LEASE_PROFILES.default) - 1_500);
  // It was without service only from the cut to the start.
  const [first] = copies.of("beat-1");
  expect(second.fromMs - (first?.untilMs ?? 0)).toBeLessThan(3_000);
  expect(overlaps(copies.of("beat-1"))).toEqual([]);
  const { events } = await fleet.api().events.listEvents({ pageSize: 1_000 });
  const fenced = events.find(({ type }) => type === "node.fenced");
  expect(fenced?.message).toMatch(
    new RegExp(`^${source} was fenced: .*/fence confirmed after .* s that its host is off$`),
  );
  expect(fleet.log("coordinator-1")).toContain(`cutting ${source} of local: no heartbeat for`);
  // The host is switched on again, and takes part in a new session.
  agent.start();
  await fleet.healthy([source]);
});
