import { X509Certificate } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { CommandsRequestSchema } from "@lormas/gen/lormas/agent/v1/agent_pb.ts";
import { authorityId, issuerOf, readAuthorities } from "@lormas/wire/authority-list.ts";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Rotation, RotationBlocker } from "../domain/authority/rotation.ts";
import { FakeAgentIntake } from "../runtime/fake-agent-intake.ts";
import { systemClock } from "../runtime/system-clock.ts";
import type { Keyring } from "../secrets/keyring.ts";
import { testKeyring } from "../secrets/test-keyring.ts";
import { AuthorityStore } from "../store/authority-store.ts";
import { type TestDatabase, testDatabase } from "../store/test-database.ts";
import { CLUSTER_ID, NODE_1_ID, NODE_2_ID, TestFleet } from "../store/test-fleet.ts";
import { AgentPlane } from "./agent-plane.ts";
import { FakeJoinTokens, FakeNodes } from "./fake-registers.ts";
import { CertificateAuthority } from "./pki/certificate-authority.ts";
import { adoptAuthority, sealed } from "./pki/fleet-authorities.ts";
import { testRandom } from "./plane-rig.ts";
import {
  attachMessage,
  certificateRequest,
  eventually,
  helloMessage,
  type Identity,
  TestAgent,
  testUuid,
} from "./test-agent.ts";

/** A rotation over real mTLS and a real PostgreSQL: coordinators come and go in each of its phases, agents stay connected. */
let database: TestDatabase;
let folder: string;
let keyring: Keyring;
const planes: Coordinator[] = [];
const agents: RotatingAgent[] = [];

beforeEach(async () => {
  database = await testDatabase();
  folder = await mkdtemp(join(tmpdir(), "lormas-rotation-"));
  keyring = testKeyring();
  await new TestFleet(database.database.orm, systemClock).seed();
});
afterEach(async () => {
  for (const agent of agents.splice(0)) agent.close();
  for (const plane of planes.splice(0)) await plane.stop();
  await database.drop();
  await rm(folder, { recursive: true, force: true });
});

const store = () => new AuthorityStore(database.database.orm);
const phase = async (): Promise<Rotation> => {
  const loaded = await store().load();
  return loaded?.rotation ?? expect.fail("there is an authority");
};
/** Polls what the database says. */
async function reached(wanted: Rotation["phase"]): Promise<Rotation> {
  for (let turn = 0; turn < 400; turn += 1) {
    const now = await phase();
    if (now.phase === wanted) return now;
    await new Promise<void>((resolve) => systemClock.schedule(25, resolve));
  }
  throw new Error(`not in the phase ${wanted}: ${JSON.stringify(await phase())}`);
}
async function rotate(): Promise<void> {
  const next = await CertificateAuthority.make(systemClock, testRandom);
  await store().begin(sealed(next, keyring, systemClock.wallMs()), { from: "", by: "token:admin" });
}

/** A coordinator's agent plane; which one leads, the test says. */
class Coordinator {
  readonly intake = new FakeAgentIntake();
  readonly nodes = new FakeNodes();
  readonly alerts: string[][] = [];
  readonly plane: AgentPlane;
  readonly dataDir: string;
  address = "";

  private constructor(name: string, leading: boolean) {
    this.dataDir = join(folder, name);
    this.intake.leading = leading;
    for (const [index, id] of [NODE_1_ID, NODE_2_ID].entries()) {
      this.nodes.nodes.set(id, { name: `node-${index + 1}`, revoked: false });
    }
    this.plane = new AgentPlane({
      ...{ listen: "127.0.0.1:0", dataDir: this.dataDir, nodes: this.nodes, joinTokens: new FakeJoinTokens() },
      ...{ authorities: store(), instance: name, keyring, clock: systemClock, random: testRandom },
      log: { info: () => undefined, warn: () => undefined, error: () => undefined },
    });
  }

  static async start(name: string, leading = true): Promise<Coordinator> {
    const coordinator = new Coordinator(name, leading);
    const stalled = async (_: Rotation, blockers: readonly RotationBlocker[]): Promise<void> => {
      coordinator.alerts.push(blockers.map((blocker) => blocker.name));
    };
    await adoptAuthority({ ...shared(), dataDir: coordinator.dataDir, register: store() });
    const operations = { enrolNode: () => Promise.reject(new Error("none")), awaitApproval: operationsNone };
    coordinator.address = (await coordinator.plane.start(coordinator.intake, operations, { stalled })).address;
    planes.push(coordinator);
    return coordinator;
  }

  async stop(): Promise<void> {
    const index = planes.indexOf(this);
    if (index >= 0) planes.splice(index, 1);
    await this.plane.stop();
  }
}
const shared = () => ({ keyring, clock: systemClock, random: testRandom });
const operationsNone = () => Promise.reject(new Error("none"));

/** An agent with streams of its own that takes up what it is told of authorities, unless it is too old for that. */
class RotatingAgent {
  readonly nodeId: string;
  trusted: string;
  identity: Identity;
  /** Streams that have ended without this agent ending them. */
  lost = 0;
  readonly #csr: Uint8Array<ArrayBuffer>;
  readonly #features: string[];
  #client: TestAgent | null = null;
  #tell: () => void = () => undefined;

  private constructor(
    nodeId: string,
    made: { csr: Uint8Array<ArrayBuffer>; identity: Identity },
    trusted: string,
    knows: boolean,
  ) {
    this.nodeId = nodeId;
    this.identity = made.identity;
    this.trusted = trusted;
    this.#csr = made.csr;
    this.#features = knows ? ["authorities"] : [];
    agents.push(this);
  }

  static async of(nodeId: string, { plane }: Coordinator, knows = true): Promise<RotatingAgent> {
    const { keyPem, csr } = await certificateRequest();
    const { certificatePem } = await plane.authority.issueNode(csr, { nodeId, nodeName: "any" });
    return new RotatingAgent(nodeId, { csr, identity: { keyPem, certificatePem } }, plane.authority.caPem, knows);
  }

  async connect(to: Coordinator): Promise<void> {
    this.close();
    const client = new TestAgent(to.address, this.trusted, this.identity);
    this.#client = client;
    const incarnation = testUuid();
    const heartbeats = client.heartbeat();
    const hello = helloMessage(incarnation);
    if (hello.message.case === "hello") hello.message.value.features = this.#features;
    heartbeats.stream.write(hello);
    await eventually("a Welcome", () => heartbeats.log.messages.length > 0 || heartbeats.log.end !== null);
    if (heartbeats.log.end !== null) throw new Error(heartbeats.log.end.details);
    const commands = client.commands();
    commands.stream.write(attachMessage(incarnation));
    this.#tell = () => commands.stream.write(this.#report());
    commands.stream.on("data", ({ message }) => {
      if (message.case === "attached" && this.#features.length > 0) this.#tell();
      if (message.case === "renewSoon") void this.renew();
    });
    for (const { stream } of [heartbeats, commands]) stream.on("error", () => this.#lose(client));
    await eventually("an Attached", () => commands.log.messages.length > 0);
  }

  async renew(): Promise<void> {
    const trusts = this.#features.length > 0 ? readAuthorities(this.trusted).map(authorityId) : [];
    const answer = await this.#client?.renew(this.#csr, trusts);
    if (answer === undefined) return;
    this.identity = { ...this.identity, certificatePem: answer.certificate };
    if (this.#features.length > 0) this.trusted = answer.trustedAuthorities.join("\n");
    this.#tell();
  }

  get issuer(): string {
    const of = issuerOf(new X509Certificate(this.identity.certificatePem), readAuthorities(this.trusted));
    return of === undefined ? "another" : authorityId(of);
  }

  close(): void {
    const client = this.#client;
    this.#client = null;
    client?.close();
  }

  #lose(client: TestAgent): void {
    if (client === this.#client) this.lost += 1;
  }

  #report() {
    const trusted = readAuthorities(this.trusted).map(authorityId);
    return create(CommandsRequestSchema, { message: { case: "authorities", value: { trusted, issuer: this.issuer } } });
  }
}

test("a rotation goes through its phases over open streams, and none of them ends", async () => {
  const leader = await Coordinator.start("one");
  const standby = await Coordinator.start("two", false);
  expect(standby.plane.authority.caPem).toBe(leader.plane.authority.caPem);
  const first = await RotatingAgent.of(NODE_1_ID, leader);
  const second = await RotatingAgent.of(NODE_2_ID, leader);
  const stranger = await RotatingAgent.of(NODE_2_ID, leader);
  for (const agent of [first, second]) await agent.connect(leader);
  const { currentId } = await phase();
  await rotate();
  const { nextId } = await phase();
  const after = await reached("steady");
  expect(after).toMatchObject({ currentId: nextId, nextId: null });
  await eventually("both trust the new authority alone", () =>
    [first, second].every(({ trusted }) => readAuthorities(trusted).map(authorityId).join() === nextId),
  );
  expect([first, second].map(({ lost, issuer }) => [lost, issuer])).toEqual([
    [0, nextId],
    [0, nextId],
  ]);
  expect([leader, standby].map(({ plane }) => plane.authority.caDigestHex)).toEqual([nextId, nextId]);
  // A call on a connection that was made under the old authority is served as before.
  await first.renew();
  expect(first.lost).toBe(0);

  // Who knows the old one alone trusts no coordinator any more, and who shows a certificate of it is told what to do.
  await expect(stranger.connect(leader)).rejects.toThrow(/certificate/);
  stranger.trusted = first.trusted;
  await expect(stranger.connect(leader)).rejects.toThrow(
    /another one has replaced at .*: enrol this node with a join token/,
  );
  // Its key is gone, and the copy in the data directory is the new one's.
  const rows = await database.database.orm.em.fork().execute("select id from authority where wrapped is null");
  expect(rows).toEqual([{ id: currentId }]);
  const copy = await readFile(join(leader.dataDir, "pki", "ca-certificate.pem"), "utf8");
  expect(readAuthorities(copy).map(authorityId)).toEqual([nextId]);
  expect((await CertificateAuthority.open(leader.dataDir, systemClock, testRandom)).caDigestHex).toBe(nextId);
});

test("each phase outlives the coordinators: the next leader goes on where the last one was", async () => {
  const one = await Coordinator.start("one");
  const knowing = await RotatingAgent.of(NODE_1_ID, one);
  await knowing.connect(one);
  await rotate();
  // node-2 has not been heard of, so the phase holds.
  await eventually("the first trusts both", () => readAuthorities(knowing.trusted).length === 2);
  expect((await phase()).phase).toBe("trusting");
  await one.stop();

  const two = await Coordinator.start("two");
  expect(two.plane.authority.caDigestHex).toBe((await phase()).currentId);
  await knowing.connect(two);
  const late = await RotatingAgent.of(NODE_2_ID, two);
  await late.connect(two);
  const issuing = await reached("issuing");
  await eventually("both have one of the new authority", () =>
    [knowing, late].every(({ issuer }) => issuer === issuing.nextId),
  );
  await two.stop();

  const three = await Coordinator.start("three");
  for (const agent of [knowing, late]) await agent.connect(three);
  const over = await reached("steady");
  expect(over.currentId).toBe(issuing.nextId);
  // And a coordinator with an empty data directory finds the authority in the database.
  expect((await Coordinator.start("four", false)).plane.authority.caDigestHex).toBe(over.currentId);
});

test("a node whose agent knows of no rotation keeps certificates of the old authority, is named, and can be left behind", async () => {
  const leader = await Coordinator.start("one");
  const knowing = await RotatingAgent.of(NODE_1_ID, leader);
  const old = await RotatingAgent.of(NODE_2_ID, leader, false);
  for (const agent of [knowing, old]) await agent.connect(leader);
  await rotate();
  await eventually("one trusts both", () => readAuthorities(knowing.trusted).length === 2);
  await old.renew();
  const { currentId, nextId } = await phase();
  expect(old.issuer).toBe(currentId);
  const [blocked] = (await store().nodes()).filter(({ report }) => report === null);
  expect(blocked).toMatchObject({ id: NODE_2_ID, clusterId: CLUSTER_ID, living: true });
  await expect(store().leaveBehind([NODE_2_ID], "f".repeat(64))).rejects.toThrow(/takes over, and not/);
  await store().leaveBehind([NODE_2_ID], nextId ?? "");
  await reached("steady");
  // It was connected all the while, and still is; the next connection is another matter.
  expect(old.lost).toBe(0);
  await expect(store().leaveBehind([NODE_2_ID], "")).rejects.toThrow("no rotation is under way");
});

test("a data directory of another fleet does not start, and says why", async () => {
  await (await Coordinator.start("one")).stop();
  const elsewhere = join(folder, "two");
  await CertificateAuthority.open(elsewhere, systemClock, testRandom);
  await expect(Coordinator.start("two")).rejects.toThrow(
    /another authority than this database's.*move the folder pki away/s,
  );
});
