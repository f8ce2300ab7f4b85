import type { WorkloadSpec } from "../domain/workload.ts";
import type { Keyring } from "../secrets/keyring.ts";
import { testKeyring } from "../secrets/test-keyring.ts";
import { PostgresDecisionStore } from "../store/decisions/postgres-decision-store.ts";
import { JoinTokenStore } from "../store/join-token-store.ts";
import { seedFirstCluster } from "../store/seed-first-cluster.ts";
import { silentLog } from "../store/store-log.ts";
import { type TestDatabase, testDatabase } from "../store/test-database.ts";
import type { DecisionStore } from "./decision-store.ts";
import { deterministicId } from "./deterministic-id.ts";
import { FakeAgents } from "./fake-agents.ts";
import type { FenceHook } from "./fence-hook.ts";
import { FleetRuntime } from "./fleet-runtime.ts";
import { ManualClock } from "./manual-clock.ts";
import type { NewContainer } from "./operations.ts";
import { ServedRequests } from "./request-scope.ts";

/** Until all nodes vote and have held their leases for longer than W of the default profile. */
const SETTLED_MS = 9_000;

/** A statement that stalls with the machine must not look like a database that is gone: time stands still meanwhile. */
const PATIENCE_MS = 15_000;

const quiet = { info: () => {}, warn: () => {}, error: () => {} };

/** A runtime on a real PostgreSQL, a clock that is moved by hand, and agents that obey. For tests. */
export type FleetRig = {
  readonly clock: ManualClock;
  readonly agents: FakeAgents;
  readonly database: TestDatabase;
  /** Who is asked which request a decision is submitted for. */
  readonly requests: ServedRequests;
  readonly runtime: () => FleetRuntime;
  readonly nodeIds: string[];
  readonly clusterId: string;
  /** Enrols one more node, in the first cluster unless another is named, and connects it; resolves to its id. */
  join(clusterId?: string): Promise<string>;
  /** Moves time; nodes that are attached beat as their profile says. */
  pass(ms: number): Promise<void>;
  settle(): Promise<void>;
  /** A second coordinator process on the same database: the old one is dropped as it stands, like a SIGKILL. */
  restart(): Promise<void>;
  close(): Promise<void>;
};

/** Time moves by hand here: it must not pass a leader by whose renewal is on its way to the database. */
class RenewingStore extends PostgresDecisionStore {
  renewal: Promise<unknown> = Promise.resolve();

  override renewLeadership(instance: string, term: number): Promise<boolean> {
    const renewed = super.renewLeadership(instance, term);
    this.renewal = renewed.catch(() => undefined);
    return renewed;
  }
}

export type FleetRigOptions = {
  readonly deliverAlerts?: boolean;
  readonly fenceHook?: FenceHook | null;
  readonly settledMs?: number;
  readonly keyring?: Keyring;
};

/**
 * `wrap` lets a test come between the runtime and its store; with `deliverAlerts` it keeps what a webhook is to be told; a
 * `fenceHook` is called for nodes that fall silent; `settledMs` is how long the nodes have been there when the test begins; the
 * `keyring` opens secrets.
 */
export async function fleetRig(
  nodeCount: number,
  wrap: (store: DecisionStore) => DecisionStore = (store) => store,
  { deliverAlerts = false, fenceHook = null, settledMs = SETTLED_MS, keyring = testKeyring() }: FleetRigOptions = {},
): Promise<FleetRig> {
  let ids = 0;
  const newId = (): string => deterministicId("rig", ++ids);
  const database = await testDatabase(silentLog, PATIENCE_MS);
  const clock = new ManualClock();
  const agents = new FakeAgents(clock);
  const requests = new ServedRequests();
  const clusterId = newId();
  const random = { newId: () => clusterId, wallMs: () => clock.wallMs() };
  await seedFirstCluster(database.database, { clusterName: "local", profile: "default" }, random);
  const tokens = new JoinTokenStore(database.database);
  const renewing = new RenewingStore(database.database, { deliverAlerts: () => deliverAlerts });
  const store = wrap(renewing);
  const start = async (): Promise<FleetRuntime> => {
    const runtime = new FleetRuntime({
      store,
      link: agents,
      keyring,
      clock,
      log: quiet,
      newId,
      instance: "rig",
      leaderTtlMs: 15_000,
      fenceHook,
      requests,
    });
    agents.use(runtime.intake);
    await runtime.start();
    return runtime;
  };
  let runtime = await start();
  const nodeIds: string[] = [];
  const settle = async (): Promise<void> => {
    for (let round = 0; round < 50; round++) {
      await agents.settle();
      await runtime.idle();
      await renewing.renewal;
    }
  };
  const join = async (into = clusterId): Promise<string> => {
    const number = nodeIds.length + 1;
    const nodeId = newId();
    const tokenHash = `hash-${number}`;
    const createdAtMs = clock.wallMs();
    await tokens.create({
      secretHash: tokenHash,
      clusterId: into,
      createdBy: "rig",
      createdAtMs,
      expiresAtMs: createdAtMs + 600_000,
    });
    await runtime.operations.enrolNode({
      nodeId,
      name: `node-${number}`,
      agentVersion: "0.1.0",
      tokenHash,
      certificateSerial: `0${number}`,
    });
    await agents.connect(nodeId, { address: `127.0.1.${number}` });
    nodeIds.push(nodeId);
    return nodeId;
  };
  while (nodeIds.length < nodeCount) await join();
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 300) {
      for (const node of agents.nodes.values()) if (node.attached) agents.beat(node.nodeId);
      await clock.advance(Math.min(300, ms - passed), settle);
    }
  };
  await pass(settledMs);
  return {
    clock,
    agents,
    database,
    requests,
    runtime: () => runtime,
    nodeIds,
    clusterId,
    join,
    settle,
    pass,
    async restart() {
      await runtime.abandon();
      runtime = await start();
    },
    async close() {
      await runtime.stop();
      await database.drop();
    },
  };
}

const SPEC: WorkloadSpec = {
  image: "",
  startup: { exec: "true" },
  env: {},
  ports: [{ name: "http", containerPort: 80, protocol: "tcp", fixedHostPort: null }],
  volumes: [],
  stop: { signal: "SIGTERM", graceMs: 1_000 },
  health: null,
  startBudgetMs: 1_000,
};

/** A wish for an HA container that fits anywhere. */
export function haContainer(
  name: string,
  change: Partial<NewContainer> = {},
  spec: Partial<WorkloadSpec> = {},
): NewContainer {
  return {
    name,
    eggId: "hello-http",
    ha: true,
    preferredClusterId: null,
    resources: { cpuMillis: 100, memoryBytes: 64_000_000, diskBytes: 0 },
    environment: {},
    spec: { ...SPEC, ...spec },
    desired: "running",
    allowDataLoss: false,
    ...change,
  };
}
