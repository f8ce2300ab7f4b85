import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LEASE_PROFILES } from "@lormas/lease/lease-policy.ts";
import { pino } from "pino";
import { seedEggs } from "../eggs/seed-eggs.ts";
import type { AgentLink } from "../runtime/agent-link.ts";
import { FakeOperations } from "../runtime/fake-operations.ts";
import { systemClock } from "../runtime/system-clock.ts";
import { ClusterEntity, NodeEntity, NodeHealthEntity } from "../store/entities/fleet-entities.ts";
import { type TestDatabase, testDatabase } from "../store/test-database.ts";
import { type PublicPlane, type PublicPlaneOptions, startPublicPlane } from "./start-public-plane.ts";

/** Ids that tests know. */
export const CLUSTER_ID = "00000000-0000-4000-8000-000000000001";
export const NODE_1_ID = "00000000-0000-4000-8000-000000000011";
export const NODE_2_ID = "00000000-0000-4000-8000-000000000012";
/** The seeded administrator. */
export const ADMIN = { email: "admin@example.test", password: "a first password" };

/** The whole public plane over a database of its own, with fake operations and no agents. */
export type PublicPlaneRig = {
  readonly plane: PublicPlane;
  readonly operations: FakeOperations;
  readonly database: TestDatabase;
  readonly dataDir: string;
  /** The bearer token of the local administrator. */
  readonly token: string;
  /** Ends everything and removes its files. */
  close(): Promise<void>;
};

/** Starts it with one cluster ("local"), two healthy nodes and the built-in eggs. For tests. */
export async function startPublicPlaneRig(overrides: Partial<PublicPlaneOptions> = {}): Promise<PublicPlaneRig> {
  const database = await testDatabase();
  const dataDir = await mkdtemp(join(tmpdir(), "lormas-plane-"));
  await seed(database);
  const operations = new FakeOperations(database.database.orm, systemClock);
  const plane = await startPublicPlane({
    listen: { host: "127.0.0.1", port: 0 },
    database: database.database,
    databaseUrl: database.url,
    operations,
    status: operations,
    link: noLogs,
    createJoinToken: async () => ({
      token: "lormas1.secret.digest",
      expiresAt: new Date(systemClock.wallMs() + 600_000),
      coordinatorAddress: "127.0.0.1:7443",
    }),
    clock: systemClock,
    log: pino({ level: process.env["LORMAS_TEST_LOG"] ?? "silent" }),
    dataDir,
    version: "0.0.0-test",
    administrator: ADMIN,
    dashboardHandler: join(dataDir, "no-such-handler.js"),
    ...overrides,
  });
  return {
    plane,
    operations,
    database,
    dataDir,
    token: (await readFile(plane.adminTokenPath, "utf8")).trim(),
    async close() {
      await plane.stop();
      await database.drop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

const noLogs: Pick<AgentLink, "readLogs"> = {
  async *readLogs(_nodeId, { tailLines }) {
    yield Array.from({ length: tailLines }, (_, line) => ({
      atMs: line,
      stream: "stdout" as const,
      text: `line ${line}`,
    }));
  },
};

async function seed({ database }: TestDatabase): Promise<void> {
  await seedEggs(database, systemClock);
  const em = database.orm.em.fork();
  const now = new Date(systemClock.wallMs());
  em.create(ClusterEntity, { id: CLUSTER_ID, name: "local", policy: LEASE_PROFILES.default, createdAt: now });
  for (const [index, id] of [NODE_1_ID, NODE_2_ID].entries()) {
    em.create(NodeEntity, {
      id,
      name: `node-${index + 1}`,
      clusterId: CLUSTER_ID,
      status: "healthy",
      address: `127.0.1.${index + 1}`,
      runtime: "exec",
      cpuMillis: 4_000,
      memoryBytes: 8 * 2 ** 30,
      diskBytes: 100 * 2 ** 30,
      enrolledAt: now,
      revokedAt: null,
    });
    em.create(NodeHealthEntity, { nodeId: id, status: "healthy", lastHeartbeatAt: now, updatedAt: now });
  }
  await em.flush();
}
