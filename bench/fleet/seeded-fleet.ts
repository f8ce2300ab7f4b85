import { createHash, randomBytes, randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { certificateRequest, newKeyPem } from "@lormas/agent/session/certificate-request.ts";
import { CertificateAuthority } from "@lormas/coordinator/agents/pki/certificate-authority.ts";
import { FakeAgents } from "@lormas/coordinator/runtime/fake-agents.ts";
import { FleetRuntime } from "@lormas/coordinator/runtime/fleet-runtime.ts";
import { systemClock } from "@lormas/coordinator/runtime/system-clock.ts";
import { Keyring } from "@lormas/coordinator/secrets/keyring.ts";
import { KEY_BYTES, MasterKey } from "@lormas/coordinator/secrets/master-key.ts";
import { PostgresDecisionStore } from "@lormas/coordinator/store/decisions/postgres-decision-store.ts";
import { startEmbeddedPostgres } from "@lormas/coordinator/store/embedded/embedded-postgres.ts";
import { JoinTokenStore } from "@lormas/coordinator/store/join-token-store.ts";
import { type Database, openDatabase } from "@lormas/coordinator/store/open-database.ts";
import { seedFirstCluster } from "@lormas/coordinator/store/seed-first-cluster.ts";
import { silentLog } from "@lormas/coordinator/store/store-log.ts";
import type { LEASE_PROFILES } from "@lormas/lease/lease-policy.ts";
import type { BenchRun } from "../frame/bench-run.ts";

/** Enrolments that wait at once: they share transactions. */
const AT_ONCE = 200;
const TOKEN_LIFE_MS = 3_600_000;

/** What an agent holds after it has enrolled. */
export type EnrolledAgent = { readonly nodeId: string; readonly keyPem: string; readonly certificatePem: string };

/** A PostgreSQL of the bench's own, synced to disk as in production, with a fleet in it that no coordinator leads yet. */
export type SeededFleet = {
  readonly databaseUrl: string;
  /** Of the coordinator that is to serve it; holds the authority that signed the certificates. */
  readonly dataDir: string;
  readonly authority: CertificateAuthority;
  readonly agents: readonly EnrolledAgent[];
};

/** Enrols nodes by the product's own decisions, and issues their certificates by its authority, without the wire between. */
export async function seedFleet(
  part: BenchRun,
  count: number,
  profile: keyof typeof LEASE_PROFILES,
): Promise<SeededFleet> {
  const databaseUrl = await benchPostgres(part);
  const dataDir = join(part.folder(), "coordinator");
  mkdirSync(dataDir, { mode: 0o700 });
  const random = { bytes: (bytes: number) => randomBytes(bytes), uuid: randomUUID };
  const authority = await CertificateAuthority.open(dataDir, systemClock, random);
  const agents = await part.part(async (seeding) => {
    const database = await benchDatabase(seeding, databaseUrl);
    const clusterId = randomUUID();
    await seedFirstCluster(
      database,
      { clusterName: "local", profile },
      { newId: () => clusterId, wallMs: systemClock.wallMs },
    );
    const runtime = await benchRuntime(seeding, database, new FakeAgents(systemClock));
    const enrolled: EnrolledAgent[] = [];
    for (let from = 1; from <= count; from += AT_ONCE) {
      const numbers = Array.from({ length: Math.min(AT_ONCE, count - from + 1) }, (_, index) => from + index);
      enrolled.push(
        ...(await Promise.all(numbers.map((number) => enrol({ number, clusterId, database, runtime, authority })))),
      );
    }
    return enrolled;
  });
  return { databaseUrl, dataDir, authority, agents };
}

/** A PostgreSQL with fsync on, which ends with the part. Its URL. */
export async function benchPostgres(part: BenchRun): Promise<string> {
  const postgres = await startEmbeddedPostgres({ dataDir: join(part.folder(), "postgres"), log: silentLog });
  part.defer(() => postgres.stop());
  return postgres.url;
}

export async function benchDatabase(part: BenchRun, url: string): Promise<Database> {
  const database = await openDatabase({ url, log: silentLog });
  part.defer(() => database.close());
  return database;
}

/** The coordinator's runtime in this process, leading; it commands these agents. */
export async function benchRuntime(
  part: BenchRun,
  database: Database,
  agents: FakeAgents,
  store = new PostgresDecisionStore(database),
): Promise<FleetRuntime> {
  const runtime = new FleetRuntime({
    store,
    link: agents,
    keyring: new Keyring(new MasterKey(randomBytes(KEY_BYTES))),
    clock: systemClock,
    log: silentLog,
    newId: randomUUID,
    instance: "bench",
    leaderTtlMs: 15_000,
  });
  agents.use(runtime.intake);
  await runtime.start();
  part.defer(() => runtime.stop());
  return runtime;
}

export type Enrolment = {
  readonly number: number;
  readonly clusterId: string;
  readonly database: Database;
  readonly runtime: FleetRuntime;
};

/** Stores the node `node-NUMBER`, as an enrolment does. Its id. */
export async function enrolNode(
  { number, clusterId, database, runtime }: Enrolment,
  certificateSerial: string,
  nodeId: string = randomUUID(),
): Promise<string> {
  const tokenHash = createHash("sha256").update(nodeId).digest("hex");
  const createdAtMs = systemClock.wallMs();
  await new JoinTokenStore(database).create({
    secretHash: tokenHash,
    clusterId,
    createdBy: "bench",
    createdAtMs,
    expiresAtMs: createdAtMs + TOKEN_LIFE_MS,
  });
  const node = { nodeId, name: `node-${number}`, agentVersion: "bench", tokenHash, certificateSerial };
  await runtime.operations.enrolNode(node);
  return nodeId;
}

async function enrol(enrolment: Enrolment & { readonly authority: CertificateAuthority }): Promise<EnrolledAgent> {
  const [nodeId, nodeName] = [randomUUID(), `node-${enrolment.number}`];
  const keyPem = await newKeyPem();
  const csr = await certificateRequest(nodeName, keyPem);
  const { certificatePem, serial } = await enrolment.authority.issueNode(csr, { nodeId, nodeName });
  await enrolNode(enrolment, serial, nodeId);
  return { nodeId, keyPem, certificatePem };
}
