import { randomUUID } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type {
  CommandsRequest,
  CommandsResponse,
  HeartbeatRequest,
  HeartbeatResponse,
} from "@lormas/gen/lormas/agent/v1/agent_pb.ts";
import { ContainerStatus, ContainerType } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { FOLDER_FILES } from "@lormas/wire/armed-folder.ts";
import { FAILPOINT_VARIABLE } from "@lormas/wire/failpoints.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Journal } from "../../agent/src/journal/journal.ts";
import {
  attachMessage,
  certificateRequest,
  heartbeatMessage,
  helloMessage,
  type Opened,
  resultMessage,
  TestAgent,
} from "../../coordinator/src/agents/test-agent.ts";
import { until } from "../../lab/src/until.ts";
import { BEATING, CopyRecords, offerBeatingEgg, overlaps } from "../fleet/beating-copy.ts";
import { ProcessFleet, WRITER_SETTING } from "../fleet/process-fleet.ts";

// Two real coordinators on one PostgreSQL. The leader is stopped past its lease, the other one takes over, and the first goes
// on as if nothing had been: it must write nothing, and send nothing that counts.

const NODES = ["node-1", "node-2", "node-3"];
const TTL_MS = 2_000;
const WAIT_MS = 30_000;
/** Everything that is written under a term. */
const DECIDED = [
  ...["event", "outbox", "actor_snapshot", "node", "container", "migration", "migration_step", "job"],
  ...["reservation", "port_reservation", "node_health"],
];

const armFolder = mkdtempSync(join(tmpdir(), "lormas-arm-"));
let fleet: ProcessFleet;
let copies: CopyRecords;
let witnesses = 0;
const open: Witness[] = [];

beforeAll(async () => {
  fleet = await ProcessFleet.up({
    nodes: NODES,
    coordinators: ["one", "two"],
    environment: { LORMAS_LEADER_TTL_MS: String(TTL_MS), [FAILPOINT_VARIABLE]: `@${armFolder}` },
  });
  await offerBeatingEgg(fleet.databaseUrl);
  copies = new CopyRecords(fleet.folder);
  await noteWriters();
});
afterAll(async () => {
  for (const witness of open) witness.close();
  await fleet?.dispose();
  rmSync(armFolder, { recursive: true, force: true });
});

/** The name of the coordinator that leads, and its term. */
async function leader(): Promise<{ name: string; term: number }> {
  return await until("somebody leads", WAIT_MS, async () => {
    const [row] = await fleet.rows("select holder, term::int as term from leadership");
    for (const [name, { httpUrl }] of fleet.coordinators) {
      const leads = new RegExp(`"term":${row?.["term"]},.*this coordinator leads`).test(fleet.log(name));
      if (leads && row?.["holder"] !== null && httpUrl !== "") return { name, term: Number(row?.["term"]) };
    }
    return undefined;
  });
}

const other = (name: string): string => (name === "one" ? "two" : "one");

/** An enrolled node that never leaves a coordinator, whatever happens, and keeps everything that it is sent. */
class Witness {
  readonly heartbeats: Opened<HeartbeatRequest, HeartbeatResponse>;
  readonly commands: Opened<CommandsRequest, CommandsResponse>;
  readonly #agent: TestAgent;
  readonly #beating: NodeJS.Timeout;
  sequence = 0;

  private constructor(agent: TestAgent) {
    this.#agent = agent;
    this.heartbeats = agent.heartbeat();
    this.commands = agent.commands();
    this.#beating = setInterval(() => this.beat(), 50);
    open.push(this);
  }

  static async attachedTo(name: string): Promise<Witness> {
    witnesses += 1;
    const ca = readFileSync(join(fleet.folder, name, "pki", "ca-certificate.pem"), "utf8");
    const { token } = await fleet.api(name).nodes.createJoinToken({ cluster: "local" });
    const { agentAddress } = fleet.coordinator(name);
    const { keyPem, csr } = await certificateRequest();
    const stranger = new TestAgent(agentAddress, ca, null);
    const { certificate } = await stranger.enrol(token.split(".")[1] ?? "", `witness-${witnesses}`, csr);
    stranger.close();
    const witness = new Witness(new TestAgent(agentAddress, ca, { keyPem, certificatePem: certificate }));
    const incarnation = randomUUID();
    witness.heartbeats.stream.write(helloMessage(incarnation));
    await until("the witness is welcome", WAIT_MS, () => witness.heartbeats.log.messages.length > 0);
    witness.commands.stream.write(attachMessage(incarnation));
    await until("the witness is attached", WAIT_MS, () => witness.commands.log.messages.length > 0);
    await until("the witness is acknowledged", WAIT_MS, () => witness.acks().length > 2);
    return witness;
  }

  beat(): void {
    this.sequence += 1;
    if (this.heartbeats.log.messages.length > 0) this.heartbeats.stream.write(heartbeatMessage(this.sequence));
  }

  acks(): bigint[] {
    return this.heartbeats.log.messages.flatMap(({ message }) =>
      message.case === "ack" ? [message.value.sequence] : [],
    );
  }

  /** Every message so far, by its kind. */
  seen(): string[] {
    return [...this.heartbeats.log.messages, ...this.commands.log.messages].map(({ message }) => message.case ?? "");
  }

  get dismissed(): boolean {
    return this.heartbeats.log.end !== null && this.commands.log.end !== null;
  }

  close(): void {
    clearInterval(this.#beating);
    this.#agent.close();
  }
}

/** From here on every row that is written is noted together with the coordinator that did it. */
async function noteWriters(): Promise<void> {
  await fleet.rows("create table written (id bigserial primary key, who text not null, what text not null)");
  await fleet.rows(`create function note_writer() returns trigger language plpgsql as $$
    begin insert into written (who, what) values (current_setting('${WRITER_SETTING}'), tg_table_name); return null; end $$`);
  for (const table of DECIDED) {
    await fleet.rows(
      `create trigger note_writer after insert or update or delete on ${table} for each row execute function note_writer()`,
    );
  }
}

/** What a coordinator has written since, by table; and the number of the newest row of all. */
async function writtenBy(name: string, since = 0): Promise<string[]> {
  const rows = await fleet.rows("select distinct what from written where who = $1 and id > $2", [name, since]);
  return rows.map(({ what }) => String(what)).sort();
}

async function newestWritten(): Promise<number> {
  const [row] = await fleet.rows("select coalesce(max(id), 0)::int as id from written");
  return Number(row?.["id"]);
}

async function attachedTo(name: string): Promise<void> {
  await fleet.healthy(NODES, WAIT_MS, name);
  const { term } = await leader();
  await until("every agent has obeyed the new term", WAIT_MS, () =>
    NODES.every((node) =>
      readFileSync(join(fleet.node(node).dataDir, "journal.log"), "utf8").includes(`"term":"${term}"`),
    ),
  );
}

async function running(name: string): Promise<number> {
  const { name: leads } = await leader();
  const { container } = await until(`${name} runs`, WAIT_MS, async () => {
    const found = await fleet.api(leads).containers.getContainer({ id: name });
    return found.container?.status === ContainerStatus.RUNNING ? found : undefined;
  });
  return Number(container?.epoch);
}

test("a leader that is stopped past its lease and goes on writes nothing and sends nothing", async () => {
  const before = await leader();
  await fleet.api(before.name).containers.createContainer({
    ...{ name: "kept", eggId: BEATING, type: ContainerType.HA, environment: { RECORD: copies.folder } },
  });
  const epoch = await running("kept");
  const witness = await Witness.attachedTo(before.name);
  const { process: stopped } = fleet.coordinator(before.name);
  const next = other(before.name);
  process.kill(stopped.pid, "SIGSTOP");
  const begunMs = performance.now();
  // What is asked of it meanwhile waits in its sockets, and is the first thing that it finds.
  const asked = [
    fleet.api(before.name).containers.migrateContainer({ id: "kept" }),
    fleet.api(before.name).containers.stopContainer({ id: "kept" }),
    fleet.api(before.name).containers.createContainer({ name: "stale", eggId: BEATING, type: ContainerType.HA }),
  ].map((call) => call.then(() => "granted", String));
  witness.commands.stream.write(resultMessage(randomUUID()));
  const after = await until("the other one leads", WAIT_MS, async () => {
    const now = await leader();
    return now.name === next ? now : undefined;
  });
  const tookMs = performance.now() - begunMs;
  expect(after.term).toBe(before.term + 1);
  // TTL (1+ρ)/(1−ρ) from the last renewal that it saw, which was a fifth of TTL before at most.
  expect(tookMs).toBeGreaterThan(TTL_MS * 0.8);
  await attachedTo(next);
  // The new leader decides something, so that the old one's idea of the fleet is wrong.
  await fleet.api(next).containers.createContainer({
    ...{ name: "newer", eggId: BEATING, type: ContainerType.HA, environment: { RECORD: copies.folder } },
  });
  await running("newer");
  await until("every command has its result", WAIT_MS, async () => {
    return (await fleet.rows("select 1 from outbox where state = 'pending'")).length === 0;
  });
  expect(await writtenBy(before.name)).toContain("event");
  const newest = await newestWritten();
  const seen = witness.seen();
  process.kill(stopped.pid, "SIGCONT");

  await until("it knows that it does not lead", WAIT_MS, () =>
    fleet.log(before.name).includes("this coordinator does not lead any more"),
  );
  await until("the witness is sent away", WAIT_MS, () => witness.dismissed);
  for (const answer of await Promise.all(asked)) expect(answer).toMatch(/not_leader|does not lead|aborted|timed out/i);
  expect(witness.seen(), "nothing was sent after it went on").toEqual(seen);
  expect(witness.heartbeats.log.end).toMatchObject({ code: 14 });
  await until("the new leader goes on deciding", WAIT_MS, async () => (await writtenBy(next, newest)).length > 0);
  expect(await writtenBy(before.name, newest), "nothing was written after it went on").toEqual([]);
  const [order] = await fleet.rows(
    "select (select max(id) from written where who = $1) < (select min(id) from written where who = $2) as ordered",
    [before.name, next],
  );
  expect(order?.["ordered"], "the old leader wrote before the new one alone").toBe(true);
  // Positions rise with every command: none of the old term stands behind the first of the new one.
  const [late] = await fleet.rows(
    `select count(*)::int as late from outbox where term < $1 and position > (select min(position) from outbox where term = $1)`,
    [after.term],
  );
  expect(late?.["late"]).toBe(0);
  expect(await leader()).toEqual(after);
  expect(stopped.deaths).toEqual([]);
  expect(await running("kept")).toBeGreaterThanOrEqual(epoch);
  expect(overlaps(copies.of("kept"))).toEqual([]);
});

test("a leader that is stopped between its last question and the sending says one thing more, which grants nothing", async () => {
  const before = await leader();
  const witness = await Witness.attachedTo(before.name);
  const { process: stopped } = fleet.coordinator(before.name);
  const next = other(before.name);
  // Many heartbeats at once: it is most likely the witness whose acknowledgement it holds in its hands.
  writeFileSync(join(armFolder, FOLDER_FILES.armed), "coordinator.message.ack:before:stop");
  for (let beat = 0; beat < 50; beat += 1) witness.beat();
  await until("it has stopped itself", WAIT_MS, () => existsSync(join(armFolder, FOLDER_FILES.hit)));
  const lastSent = BigInt(witness.sequence);
  await until("the other one leads", WAIT_MS, async () => (await leader()).name === next);
  await attachedTo(next);
  const newest = await newestWritten();
  const acked = witness.acks();
  const seen = witness.seen().length;
  process.kill(stopped.pid, "SIGCONT");
  await until("the witness is sent away", WAIT_MS, () => witness.dismissed);
  const late = witness.acks().slice(acked.length);
  expect(witness.seen().length - seen).toBe(late.length);
  console.log(`acknowledgements that it still held in its hands: ${late.length}`);
  expect(late.length, "one message, at most").toBeLessThanOrEqual(1);
  // It answers a heartbeat of before the stop: a lease that is counted from there has long been over.
  for (const sequence of late) expect(sequence).toBeLessThanOrEqual(lastSent);
  await until("the new leader goes on deciding", WAIT_MS, async () => (await writtenBy(next, newest)).length > 0);
  expect(await writtenBy(before.name, newest)).toEqual([]);
  await running("kept");
  expect(overlaps(copies.of("kept"))).toEqual([]);
  for (const node of NODES) expect(fleet.log(node)).not.toContain("lost");
});

test("an agent that has obeyed a later term refuses this leader, and obeys again what is above it", async () => {
  const { name, term } = await leader();
  const node = "node-3";
  const { process: agent, dataDir } = fleet.node(node);
  await agent.end("SIGTERM");
  const journal = await Journal.open(dataDir);
  await journal.append({ kind: "term", term: String(term + 1) });
  await journal.close();
  agent.start();
  const refusal = `the coordinator speaks for term ${term}, this node has obeyed ${term + 1}`;
  await until("the agent refuses", WAIT_MS, () => fleet.log(node).includes(refusal));
  // The next term is the one that it has seen.
  const { process: leads } = fleet.coordinator(name);
  await leads.end("SIGTERM");
  leads.start();
  await until("a later term has begun", WAIT_MS, async () => (await leader()).term === term + 1);
  await fleet.healthy([node], WAIT_MS, (await leader()).name);
});
