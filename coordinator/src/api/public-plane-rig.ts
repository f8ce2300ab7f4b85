import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LEASE_PROFILES } from "@lormas/lease/lease-policy.ts";
import { pino } from "pino";
import { Refusal } from "../domain/refusal.ts";
import { seedEggs } from "../eggs/seed-eggs.ts";
import type { AgentLink } from "../runtime/agent-link.ts";
import type { ClusterWishes } from "../runtime/cluster-wishes.ts";
import type { OperatorWishes } from "../runtime/operator-wishes.ts";
import { ServedRequests } from "../runtime/request-scope.ts";
import { systemClock } from "../runtime/system-clock.ts";
import { testKeyring } from "../secrets/test-keyring.ts";
import { FakeOperations } from "../store/fake-operations.ts";
import { type TestDatabase, testDatabase } from "../store/test-database.ts";
import { TestFleet } from "../store/test-fleet.ts";
import { UsageBoard } from "../usage/usage-board.ts";
import { type PublicPlane, type PublicPlaneOptions, startPublicPlane } from "./start-public-plane.ts";

/** The seeded administrator. */
export const ADMIN = { email: "admin@example.test", password: "a first password" };

/** The whole public plane over a database of its own, with fake operations and no agents. */
export type PublicPlaneRig = {
  readonly plane: PublicPlane;
  readonly operations: FakeOperations;
  readonly fleet: TestFleet;
  readonly database: TestDatabase;
  readonly dataDir: string;
  /** The bearer token of the local administrator. */
  readonly token: string;
  /** Ends everything and removes its files. */
  close(): Promise<void>;
};

/** Starts it with one cluster ("local"), two healthy nodes and the built-in eggs. For tests. */
export async function startPublicPlaneRig(
  overrides: Partial<PublicPlaneOptions> = {},
  given?: TestDatabase,
): Promise<PublicPlaneRig> {
  const database = given ?? (await testDatabase());
  const dataDir = await mkdtemp(join(tmpdir(), "lormas-plane-"));
  const clean = async (): Promise<void> => {
    await database.drop();
    await rm(dataDir, { recursive: true, force: true });
  };
  try {
    const fleet = new TestFleet(database.database.orm, systemClock);
    await fleet.seed();
    await seedEggs(database.database, systemClock);
    const operations = new FakeOperations(database.database.orm, systemClock);
    const plane = await startPublicPlane({ ...defaults(database, operations, dataDir), ...overrides });
    return {
      plane,
      operations,
      fleet,
      database,
      dataDir,
      token: (await readFile(plane.adminTokenPath, "utf8")).trim(),
      async close() {
        await plane.stop();
        await clean();
      },
    };
  } catch (error) {
    await clean();
    throw error;
  }
}

function defaults(database: TestDatabase, operations: FakeOperations, dataDir: string): PublicPlaneOptions {
  return {
    listen: { host: "127.0.0.1", port: 0 },
    requests: new ServedRequests(),
    database: database.database,
    databaseUrl: database.url,
    keyring: testKeyring(),
    operations,
    operators: nobodyDecides,
    whatIf: {
      one: () => ({ asOfMs: 0, containers: [], policy: LEASE_PROFILES.default }),
      all: async () => ({ asOfMs: 0, nodes: [] }),
    },
    clusters: noClusterWishes,
    foretell: refused,
    status: operations,
    link: noLogs,
    usage: new UsageBoard(),
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
  };
}

/** Nodes and alerts are decided by a runtime, which this plane has none of; operators.integration.test.ts has one. */
const refused = async (): Promise<never> => {
  throw new Refusal("not_leader", "Nothing is decided here.", "Use a coordinator.");
};
const nobodyDecides: OperatorWishes = {
  cordon: refused,
  uncordon: refused,
  drain: refused,
  startMaintenance: refused,
  endMaintenance: refused,
  update: refused,
  revoke: refused,
  approve: refused,
  deny: refused,
  remove: refused,
  acknowledgeAlert: refused,
};
const noClusterWishes: ClusterWishes = {
  createCluster: refused,
  updateCluster: refused,
  deleteCluster: refused,
  overrideSuspension: refused,
};

const noLogs: Pick<AgentLink, "readLogs" | "sendInput" | "readTerminal" | "resizeTerminal"> = {
  sendInput: refused,
  resizeTerminal: refused,
  async *readTerminal() {
    yield { bytes: new Uint8Array(), skippedBytes: 0 };
  },
  async *readLogs(_nodeId, { tailLines }) {
    yield Array.from({ length: tailLines }, (_, line) => ({
      atMs: line,
      stream: "stdout" as const,
      text: `line ${line}`,
    }));
  },
};
