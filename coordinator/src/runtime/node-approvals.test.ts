import { afterEach, expect, test } from "vitest";
import { APPROVAL_WAIT_MS, APPROVALS_WAITING_MAX } from "../domain/node/node-approval.ts";
import type { Refusal } from "../domain/refusal.ts";
import { JoinTokenStore } from "../store/join-token-store.ts";
import { eventsAfter } from "../store/read-model/event-readings.ts";
import { readSnapshot } from "../store/read-model/snapshot.ts";
import { deterministicId } from "./deterministic-id.ts";
import { type FleetRig, fleetRig } from "./fleet-rig.ts";
import type { ClaimingNode } from "./operations.ts";

let rig: FleetRig;
afterEach(() => rig.close());

const KEY = `SHA256:${"k".repeat(43)}`;
const claim = (number: number, change: Partial<ClaimingNode> = {}): ClaimingNode => ({
  nodeId: deterministicId("claims", number),
  name: `host-${number}`,
  agentVersion: "0.1.0",
  tokenHash: `claim-${number}`,
  keyFingerprint: KEY,
  address: "192.0.2.7",
  ...change,
});
const refusal = (promise: Promise<unknown>) =>
  promise.then(
    () => null,
    ({ code }: Refusal) => code,
  );
async function token(number: number): Promise<void> {
  const createdAtMs = rig.clock.wallMs();
  const life = { createdBy: "test", createdAtMs, expiresAtMs: createdAtMs + 600_000 };
  await new JoinTokenStore(rig.database.database).create({
    ...{ secretHash: `claim-${number}`, clusterId: rig.clusterId, needsApproval: true },
    ...life,
  });
}
const ask = (number: number, change: Partial<ClaimingNode> = {}) =>
  rig.runtime().operations.awaitApproval(claim(number, change));
/** As the agent plane does it once a node is let in. */
const enrol = (number: number) => {
  const { keyFingerprint: _, address: __, ...node } = claim(number);
  return rig.runtime().operations.enrolNode({ ...node, certificateSerial: "0a", needsApproval: true });
};
const node = (number: number) => rig.runtime().state.node(claim(number).nodeId);
const tokenState = (number: number) =>
  new JoinTokenStore(rig.database.database).find(`claim-${number}`, rig.clock.wallMs());
const events = async () =>
  (await readSnapshot(rig.database.database.orm, (snapshot) => eventsAfter(snapshot, 0n, 1_000))).map(
    ({ type, message }) => `${type}: ${message}`,
  );

test("a node whose token demands approval waits without a certificate through a restart, and is enrolled once it is let in", async () => {
  rig = await fleetRig(1);
  await token(1);
  const waits = await ask(1);
  expect(waits).toEqual({ kind: "waiting", untilMs: rig.clock.wallMs() + APPROVAL_WAIT_MS });
  expect(await refusal(enrol(1))).toBe("busy");
  expect(node(1)?.facts).toMatchObject({
    approval: { keyFingerprint: KEY },
    certificateSerial: "",
    address: "192.0.2.7",
  });
  await rig.restart();
  await rig.settle();
  expect(await ask(1)).toEqual(waits);
  // Its token lives as long as it waits, for it alone.
  expect(await tokenState(1)).toMatchObject({ kind: "used", nodeId: claim(1).nodeId, needsApproval: true });
  const { operators } = rig.runtime();
  const wrong = `SHA256:${"x".repeat(43)}`;
  expect(await refusal(operators.approve(claim(1).nodeId, wrong, "user:eve"))).toBe("invalid_argument");
  await operators.approve(claim(1).nodeId, KEY, "user:eve");
  expect(await ask(1)).toEqual({ kind: "approved" });
  // An operator names it anew before its agent has asked again: that goes on, and is told its name.
  await operators.update(claim(1).nodeId, { name: "web-1" }, "user:eve");
  expect(await ask(1)).toEqual({ kind: "approved" });
  expect(await enrol(1)).toEqual({ clusterName: "local", nodeName: "web-1" });
  await operators.update(claim(1).nodeId, { name: "host-1" }, "user:eve");
  expect(node(1)?.facts).toMatchObject({ approval: null, certificateSerial: "0a" });
  expect(await refusal(operators.approve(claim(1).nodeId, "", "user:eve"))).toBe("not_awaiting_approval");
  expect(await refusal(operators.deny(claim(1).nodeId, "user:eve"))).toBe("not_awaiting_approval");
  expect((await events()).filter((line) => line.includes("host-1"))).toEqual([
    `node.awaiting_approval: host-1 at 192.0.2.7 wants to join local and awaits approval; its key is ${KEY}`,
    `node.approved: host-1 was let into the fleet by user:eve; its key is ${KEY}`,
    "node.enrolled: host-1 was enrolled",
    "node.updated: host-1 has the name web-1 now, set by user:eve",
    "node.updated: web-1 has the name host-1 now, set by user:eve",
  ]);
});

test("a node that needs nobody's approval is told of when it is enrolled, before anything else of it", async () => {
  rig = await fleetRig(1);
  expect((await events()).find((line) => line.startsWith("node."))).toBe("node.enrolled: node-1 was enrolled");
});

test("one that is turned away is gone, its name is free, and its token is good for nothing", async () => {
  rig = await fleetRig(1);
  await token(1);
  await ask(1);
  await rig.runtime().operators.deny(claim(1).nodeId, "user:eve");
  expect(node(1)).toBeUndefined();
  expect(await ask(1)).toEqual({ kind: "gone" });
  expect(await refusal(enrol(1))).toBe("busy");
  await token(2);
  expect(await ask(2, { name: "host-1" })).toMatchObject({ kind: "waiting" });
});

test("whom nobody lets in in time is turned away by itself, and no later word of an operator brings it back", async () => {
  rig = await fleetRig(1);
  await token(1);
  await ask(1);
  const approval = { keyFingerprint: KEY, askedAtMs: 0, untilMs: rig.clock.wallMs() };
  await rig.database.database.orm.em
    .fork()
    .execute("update node set approval = ?::jsonb where id = ?", [JSON.stringify(approval), claim(1).nodeId]);
  await rig.restart();
  await rig.settle();
  expect(await refusal(rig.runtime().operators.approve(claim(1).nodeId, "", "user:eve"))).toBe("not_awaiting_approval");
  await rig.pass(61_000);
  expect(node(1)).toBeUndefined();
  expect((await events()).at(-1)).toBe("node.removed: host-1 was not let into the fleet: nobody let it in in time");
});

test("as many wait as may, and one more is told to ask later; a name that is taken is refused at once", async () => {
  rig = await fleetRig(1);
  for (let number = 1; number <= APPROVALS_WAITING_MAX; number++) {
    await token(number);
    expect(await ask(number)).toMatchObject({ kind: "waiting" });
  }
  await token(100);
  expect(await refusal(ask(100, { name: "node-1" }))).toBe("name_taken");
  expect(await refusal(ask(100))).toBe("busy");
  await rig.runtime().operators.deny(claim(1).nodeId, "test");
  expect(await ask(100)).toMatchObject({ kind: "waiting" });
});
