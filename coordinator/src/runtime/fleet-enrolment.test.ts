import { afterEach, expect, test } from "vitest";
import type { Refusal } from "../domain/refusal.ts";
import { type FleetRig, fleetRig } from "./fleet-rig.ts";

let rig: FleetRig;
afterEach(() => rig.close());

const enrol = (change: { nodeId?: string; name?: string; certificateSerial?: string }) =>
  rig.runtime().operations.enrolNode({
    ...{ nodeId: rig.nodeIds[0] ?? "", name: "node-1", agentVersion: "0.1.0", tokenHash: "hash-1" },
    certificateSerial: "0f",
    ...change,
  });
const refusal = (promise: Promise<unknown>) =>
  promise.then(
    () => null,
    (error: Refusal) => error.code,
  );

test("a node that did not receive the answer to its enrolment is the same node when it asks again", async () => {
  rig = await fleetRig(1);
  const [nodeId = ""] = rig.nodeIds;
  const session = rig.runtime().state.node(nodeId)?.snapshot.context.session;
  expect(await enrol({})).toEqual({ clusterName: "local", nodeName: "node-1" });
  expect([...rig.runtime().state.nodes()]).toHaveLength(1);
  expect(rig.runtime().state.node(nodeId)).toMatchObject({
    facts: { certificateSerial: "0f" },
    snapshot: { context: { session } },
  });
  expect(await refusal(enrol({ name: "node-2" }))).toBe("invalid_argument");
  const nobody = "0199c2b4-0000-4000-8000-000000000001";
  expect(await refusal(enrol({ nodeId: nobody, name: "node-2" }))).toBe("invalid_argument");
});

test("a claim that comes while the same one is being decided is told to ask again", async () => {
  rig = await fleetRig(1);
  const answers = await Promise.all([refusal(enrol({})), refusal(enrol({}))]);
  expect(answers).toEqual([null, "busy"]);
  expect(await refusal(enrol({}))).toBe(null);
});
