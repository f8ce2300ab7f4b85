import { randomBytes, randomUUID } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ContainerStatus, MigrationOutcome } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { RotationPhase } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { certificateRequest } from "../../agent/src/session/certificate-request.ts";
import { CertificateAuthority, NODE_LIFE_MS } from "../../coordinator/src/agents/pki/certificate-authority.ts";
import { DEFAULT_LIMITS } from "../../coordinator/src/domain/migration/migration-limits.ts";
import { systemClock } from "../../coordinator/src/runtime/system-clock.ts";
import { until } from "../../lab/src/until.ts";
import { INSTALLED } from "../fleet/beating-copy.ts";
import { type FailpointRig, MEND_MS } from "./failpoint-rig.ts";

/** Longer than a lease of the profile "fast", and what its guard needs to kill. */
const AWAY_MS = 2_500;

/** Something that people or hosts do, in the midst of which a process dies. It ends by checking that all is well. */
export type Story = {
  readonly name: string;
  /** move: a migration, in which points are tried first. reserve: only for points that no other story reaches. */
  readonly depth: "move" | "life" | "reserve";
  /** Calls `begin` when the points count from now on. */
  readonly tell: (rig: FailpointRig, begin: () => void) => Promise<void>;
};

const plannedMove: Story = {
  name: "a planned move",
  depth: "move",
  tell: async (rig, begin) => {
    const { name, epoch } = await rig.running();
    const before = (await rig.migrations(name)).length;
    begin();
    await beginMove(rig, name, before);
    await migrated(rig, name, before);
    await rig.expectSound(name, "running", Number(epoch));
  },
};

const failover: Story = {
  name: "a failover",
  depth: "move",
  tell: async (rig, begin) => {
    const { name, nodeName, epoch } = await rig.running();
    begin();
    await rig.fleet.killNode(nodeName);
    await until("the container runs again", MEND_MS, async () => {
      const { container } = await rig.fleet.api().containers.getContainer({ id: name });
      return container !== undefined && container.epoch > epoch && container.status === ContainerStatus.RUNNING;
    });
    rig.fleet.node(nodeName).process.start();
    await rig.expectSound(name, "running", Number(epoch));
  },
};

const life: Story = {
  name: "a container's life",
  depth: "life",
  tell: async (rig, begin) => {
    const { fleet } = rig;
    const name = `life-${randomBytes(4).toString("hex")}`;
    begin();
    await rig.wish("it is created", () => rig.create(name));
    await fleet.container(name, "RUNNING", MEND_MS);
    await readLogs(rig, name);
    // What dies takes an input with it: it is written at most once.
    await fleet
      .api()
      .containers.sendConsoleInput({ id: name, text: "hello" })
      .catch(() => undefined);
    // It has no terminal, which its agent says.
    await fleet
      .api()
      .containers.resizeTerminal({ id: name, rows: 24, columns: 80 })
      .catch(() => undefined);
    await rig.wish("it is stopped", () => fleet.api().containers.stopContainer({ id: name }));
    await rig.expectSound(name, "stopped");
    await rig.wish("it is started", () => fleet.api().containers.startContainer({ id: name }));
    await rig.expectSound(name, "running");
    rig.crash(name);
    await until("a crash is made up for", MEND_MS, async () => {
      const { container } = await fleet.api().containers.getContainer({ id: name });
      return container?.status === ContainerStatus.RUNNING && rig.copies.of(name).length >= 3;
    });
    await rig.expectSound(name, "running");
    await rig.wish("it is deleted", () => fleet.api().containers.deleteContainer({ id: name }));
    await rig.expectSound(name, "gone");
  },
};

const installation: Story = {
  name: "an install script that its node cannot run",
  depth: "reserve",
  tell: async (rig, begin) => {
    const containers = () => rig.fleet.api().containers;
    const name = `install-${randomBytes(4).toString("hex")}`;
    begin();
    await rig.wish("it is created", () => rig.create(name, INSTALLED));
    await until("it has a node", MEND_MS, async () => (await shown(rig, name))?.nodeName !== "");
    await rig.wish("it is stopped", () => containers().stopContainer({ id: name }));
    await rig.expectSound(name, "stopped");
    await rig.wish("it is installed anew", () => containers().reinstallContainer({ id: name }));
    await rig.expectSound(name, "stopped");
    await rig.wish("it is deleted", () => containers().deleteContainer({ id: name }));
    await rig.expectSound(name, "gone");
  },
};

const rollBack: Story = {
  name: "a move that is rolled back",
  depth: "reserve",
  tell: async (rig, begin) => {
    const { name, nodeName, epoch } = await rig.running();
    const before = (await rig.migrations(name)).length;
    const others = [...rig.fleet.nodes.keys()].filter((node) => node !== nodeName);
    for (const node of others) rig.copies.forbid(node);
    try {
      begin();
      await beginMove(rig, name, before);
      await migrated(rig, name, before);
    } finally {
      for (const node of others) rig.copies.allow(node);
    }
    await rig.expectSound(name, "running", Number(epoch));
  },
};

const inTurn: Story = {
  name: "two moves where one at a time may run",
  depth: "reserve",
  tell: async (rig, begin) => {
    const { name, epoch } = await rig.running();
    const second = await rig.make();
    const moves = await Promise.all(
      [name, second].map(async (id) => ({ id, before: (await rig.migrations(id)).length })),
    );
    const atOnce = (migrationsAtOnce: number) =>
      rig.wish(`${migrationsAtOnce} migrations may run at once`, () =>
        rig.fleet.api().clusters.updateCluster({ id: "local", migrationLimits: { migrationsAtOnce } }),
      );
    await atOnce(1);
    try {
      begin();
      await Promise.all(moves.map(({ id, before }) => beginMove(rig, id, before)));
      await Promise.all(moves.map(({ id, before }) => migrated(rig, id, before)));
    } finally {
      await atOnce(DEFAULT_LIMITS.migrationsAtOnce);
    }
    await rig.expectSound(name, "running", Number(epoch));
    await rig.expectSound(second, "running");
    await rig.wish(`${second} is deleted`, () => rig.fleet.api().containers.deleteContainer({ id: second }));
    await rig.expectSound(second, "gone");
  },
};

const leave: Story = {
  name: "a node that leaves and returns",
  depth: "reserve",
  tell: async (rig, begin) => {
    const { name, nodeName, epoch } = await rig.running();
    const agent = rig.fleet.node(nodeName).process;
    // A node is healthy by its heartbeats alone; goodbye goes down the command stream, which is opened after them.
    await until(`${nodeName} can say goodbye`, MEND_MS, () => isAttached(agent.log()));
    begin();
    await agent.end("SIGTERM");
    agent.start();
    await until("the container runs again", MEND_MS, async () => {
      const { container } = await rig.fleet.api().containers.getContainer({ id: name });
      return container !== undefined && container.status === ContainerStatus.RUNNING;
    });
    await rig.expectSound(name, "running", Number(epoch));
  },
};

const restart: Story = {
  name: "a coordinator that stops in order and starts again",
  depth: "reserve",
  tell: async (rig, begin) => {
    const { name, epoch } = await rig.running();
    const at = rig.fleet.coordinator();
    const readyBefore = at.ready;
    begin();
    await at.process.end("SIGTERM");
    at.process.start();
    await until("the coordinator is back", MEND_MS, () => at.ready > readyBefore);
    await until("every agent has obeyed the new term", MEND_MS, async () => {
      const [row] = await rig.fleet.rows("select term from leadership");
      return [...rig.fleet.nodes.keys()].every((node) => journalled(rig, node, `"term","term":"${row?.["term"]}"`));
    });
    await rig.expectSound(name, "running", Number(epoch));
  },
};

const absence: Story = {
  name: "a coordinator that is away until leases run out",
  depth: "reserve",
  tell: async (rig, begin) => {
    const { name, epoch } = await rig.running();
    const at = rig.fleet.coordinator();
    const readyBefore = at.ready;
    await at.process.end("SIGKILL");
    const goneMs = performance.now();
    begin();
    await until("leases have run out", MEND_MS, () => performance.now() - goneMs > AWAY_MS);
    at.process.start();
    await until("the coordinator is back", MEND_MS, () => at.ready > readyBefore);
    await rig.expectSound(name, "running", Number(epoch));
  },
};

const alone: Story = {
  name: "a node that is left alone until its lease runs out",
  depth: "reserve",
  tell: async (rig, begin) => {
    const { name, nodeName, epoch } = await rig.running();
    const { fleet } = rig;
    const others = [...fleet.nodes.keys()].filter((node) => node !== nodeName);
    const at = fleet.coordinator();
    const readyBefore = at.ready;
    await at.process.end("SIGKILL");
    await Promise.all(others.map((node) => fleet.killNode(node)));
    begin();
    await until("its container is killed", MEND_MS, () => rig.runs(name) === 0);
    at.process.start();
    for (const node of others) fleet.node(node).process.start();
    await until("the coordinator is back", MEND_MS, () => at.ready > readyBefore);
    await rig.expectSound(name, "running", Number(epoch));
  },
};

const arrival: Story = {
  name: "a node that joins",
  depth: "reserve",
  tell: async (rig, begin) => {
    const name = `node-${randomBytes(3).toString("hex")}`;
    begin();
    await rig.wish("it has a join token", () => rig.fleet.addNode(name));
    await rig.fleet.healthy([name], MEND_MS);
    await rig.fleet.killNode(name);
    rig.fleet.nodes.delete(name);
    await rig.expectSound((await rig.running()).name, "running");
  },
};

const renewal: Story = {
  name: "a certificate that is renewed",
  depth: "reserve",
  tell: async (rig, begin) => {
    const { name } = await rig.running();
    const node = "node-1";
    const { process: agent, dataDir } = rig.fleet.node(node);
    const renewed = () => rig.fleet.log(node).split("certificate renewed").length;
    const before = renewed();
    await agent.end("SIGKILL");
    await writeOldCertificate(rig, dataDir);
    begin();
    agent.start();
    await until("it has a fresh certificate", MEND_MS, () => renewed() > before);
    await rig.expectSound(name, "running");
  },
};

const rotation: Story = {
  name: "a certificate authority that another one replaces",
  depth: "reserve",
  tell: async (rig, begin) => {
    const { name } = await rig.running();
    const authority = async () => (await rig.fleet.api().authority.getAuthority({})).authority;
    const before = await authority();
    begin();
    await rig.wish("a rotation is begun", async () => {
      const { id, phase } = (await authority()) ?? {};
      if (id !== before?.id || phase !== RotationPhase.STEADY) return;
      await rig.fleet.api().authority.rotateAuthority({ from: id ?? "" });
    });
    await until("every node uses the new authority", MEND_MS, async () => {
      const now = await authority();
      // Those of stories before, whose nodes were left dead.
      const gone = (now?.blockers ?? []).filter(({ kind, name }) => kind === "node" && !rig.fleet.nodes.has(name));
      if (gone.length > 0) await rig.fleet.api().authority.leaveNodesBehind({ nodes: gone.map(({ id }) => id) });
      const done = now?.phase === RotationPhase.STEADY && now.id !== before?.id;
      return done && now.usingCount >= rig.fleet.nodes.size;
    });
    await rig.expectSound(name, "running");
  },
};

/** Every story. */
export const STORIES: readonly Story[] = [
  plannedMove,
  failover,
  life,
  installation,
  rollBack,
  inTurn,
  leave,
  restart,
  absence,
  alone,
  arrival,
  renewal,
  rotation,
];

async function shown(rig: FailpointRig, id: string) {
  return (await rig.fleet.api().containers.getContainer({ id })).container;
}

async function beginMove(rig: FailpointRig, id: string, before: number): Promise<void> {
  await rig.wish(`a move of ${id} is begun`, async () => {
    const begun = (await rig.migrations(id)).length > before;
    if (!begun) await rig.fleet.api().containers.migrateContainer({ id });
  });
}

async function migrated(rig: FailpointRig, name: string, before: number): Promise<void> {
  await until("the migration has ended", MEND_MS, async () => {
    const all = await rig.migrations(name);
    return all.length > before && all.every(({ outcome }) => outcome !== MigrationOutcome.RUNNING);
  });
}

/** Reads what was printed, then goes on reading until it is given up. */
async function readLogs(rig: FailpointRig, id: string): Promise<void> {
  for (const follow of [false, true]) {
    const given = new AbortController();
    try {
      const stream = rig.fleet
        .api()
        .streams.containers.streamLogs({ id, tailLines: 5, follow }, { signal: given.signal });
      const lines = stream[Symbol.asyncIterator]();
      const next = lines.next().catch(() => undefined);
      await Promise.race([next, until("it follows", 300, () => false).catch(() => undefined)]);
    } finally {
      given.abort();
    }
  }
}

/** Whether an agent's command stream is open, by the last that this run's log says of it. */
function isAttached(log: string): boolean {
  const told = log.matchAll(/"msg":"(attached|welcomed|command stream ended|connection to the coordinator ended)"/g);
  return [...told].at(-1)?.[1] === "attached";
}

function journalled(rig: FailpointRig, node: string, text: string): boolean {
  return readFileSync(join(rig.fleet.node(node).dataDir, "journal.log"), "utf8").includes(text);
}

/** Puts a certificate in place of the node's that is about to end. */
async function writeOldCertificate(rig: FailpointRig, dataDir: string): Promise<void> {
  const { nodeId, nodeName } = JSON.parse(readFileSync(join(dataDir, "node.json"), "utf8")) as Record<string, string>;
  const longAgo = { ...systemClock, wallMs: () => systemClock.wallMs() - (NODE_LIFE_MS - 60_000) };
  const random = { bytes: randomBytes, uuid: randomUUID };
  const authority = await CertificateAuthority.open(join(rig.fleet.folder, "coordinator-1"), longAgo, random);
  const csr = await certificateRequest(nodeName ?? "", readFileSync(join(dataDir, "key.pem"), "utf8"));
  const issued = await authority.issueNode(csr, { nodeId: nodeId ?? "", nodeName: nodeName ?? "" });
  writeFileSync(join(dataDir, "cert.pem"), issued.certificatePem);
}
