import { randomUUID } from "node:crypto";
import { LEASE_PROFILES } from "@lormas/lease/lease-policy.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ClusterEntity, JoinTokenEntity, NodeEntity } from "./entities/fleet-entities.ts";
import { JoinTokenStore } from "./join-token-store.ts";
import { NodeRegisterStore } from "./node-register-store.ts";
import { type TestDatabase, testDatabase } from "./test-database.ts";

let db: TestDatabase;
beforeAll(async () => {
  db = await testDatabase();
});
afterAll(async () => db.drop());

const NOW_MS = 1_800_000_000_000;
const cluster = randomUUID();
const em = () => db.database.orm.em.fork();
const token = (secretHash: string, createdAtMs = NOW_MS) => ({
  secretHash,
  clusterId: cluster,
  createdBy: "admin",
  createdAtMs,
  expiresAtMs: createdAtMs + 600_000,
});

test("a join token is usable until it expires or is used, and says which", async () => {
  await em().insert(ClusterEntity, {
    ...{ id: cluster, name: "local", description: "", autoMigrate: true, allowOtherClusters: false },
    policy: LEASE_PROFILES.fast,
    createdAt: new Date(NOW_MS),
  });
  const tokens = new JoinTokenStore(db.database);
  const hash = "a".repeat(64);
  expect(await tokens.find(hash, NOW_MS)).toEqual({ kind: "unknown" });
  await tokens.create(token(hash));
  expect(await tokens.find(hash, NOW_MS + 599_999)).toEqual({
    kind: "usable",
    clusterId: cluster,
    needsApproval: false,
  });
  expect(await tokens.find(hash, NOW_MS + 600_000)).toEqual({ kind: "expired" });
  const usedByNodeId = "018f0000-0000-7000-8000-00000000000a";
  await em().nativeUpdate(JoinTokenEntity, { secretHash: hash }, { usedAt: new Date(NOW_MS), usedByNodeId });
  expect(await tokens.find(hash, NOW_MS + 599_999)).toEqual({
    kind: "used",
    nodeId: usedByNodeId,
    needsApproval: false,
  });
  expect(await tokens.find(hash, NOW_MS + 600_000)).toEqual({
    kind: "used",
    nodeId: null,
    needsApproval: false,
  });
});

test("tokens that ended a week ago are removed when another is made", async () => {
  const tokens = new JoinTokenStore(db.database);
  const week = 7 * 86_400_000;
  await tokens.create(token("b".repeat(64), NOW_MS - week - 600_001));
  await tokens.create(token("c".repeat(64), NOW_MS - week));
  await tokens.create(token("d".repeat(64), NOW_MS));
  expect((await tokens.find("b".repeat(64), NOW_MS)).kind).toBe("unknown");
  expect((await tokens.find("c".repeat(64), NOW_MS)).kind).toBe("expired");
});

test("a node is known with its name; revoked and unknown ones are refused; its certificate's serial is noted", async () => {
  const register = new NodeRegisterStore(db.database);
  const [good, revoked, unknown] = [randomUUID(), randomUUID(), randomUUID()];
  const row = { clusterId: cluster, status: "healthy", enrolledAt: new Date(NOW_MS) };
  await em().insert(NodeEntity, { ...row, id: good, name: "good", revokedAt: null });
  await em().insert(NodeEntity, { ...row, id: revoked, name: "revoked", revokedAt: new Date(NOW_MS) });
  expect(await register.find(good)).toEqual({ name: "good", revoked: false });
  expect(await register.find(revoked)).toEqual({ name: "revoked", revoked: true });
  expect(await register.find(unknown)).toBeNull();
  expect((await register.refusedAmong([good, revoked, unknown])).sort()).toEqual([revoked, unknown].sort());
  await register.recordCertificate(good, "4fff");
  expect((await em().findOneOrFail(NodeEntity, { id: good })).certificateSerial).toBe("4fff");
});
