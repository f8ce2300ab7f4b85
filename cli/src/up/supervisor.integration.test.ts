import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../clock.ts";
import { DataDir } from "./data-dir.ts";
import { killPid } from "./host-mark.ts";
import { planNodes } from "./node-plan.ts";
import { calmStop, hardStop, Supervisor, type SupervisorParts } from "./supervisor.ts";
import { ProcessFixture, runs, until } from "./testing/process-fixture.ts";

const lifeline = `
import { Socket } from "node:net";
new Socket({ fd: Number(process.env.LORMAS_LIFELINE_FD) }).on("close", () => process.exit(1)).resume();
`;
const coordinatorSource = `${lifeline}
console.log("coordinator here");
process.send({ type: "ready", httpUrl: "http://127.0.0.1:1", agentAddress: "127.0.0.1:2", adminEmail: "a@b" });
process.on("SIGTERM", () => process.exit(0));
`;
/** Enrols once with its token, then keeps a file "alive" in its directory while it runs. */
const agentSource = `${lifeline}
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
const directory = process.argv[2];
mkdirSync(directory, { recursive: true });
if (!existsSync(directory + "/node.json")) {
  if (!process.env.LORMAS_JOIN_TOKEN) throw new Error("no token");
  writeFileSync(directory + "/node.json", process.env.LORMAS_JOIN_TOKEN);
}
writeFileSync(directory + "/alive", String(process.pid));
process.on("SIGTERM", () => process.exit(0));
`;

let fixture: ProcessFixture;
let dataDir: DataDir;
let supervisor: Supervisor | undefined;
let said: string[];
let tokens: number;

beforeEach(() => {
  fixture = new ProcessFixture();
  dataDir = DataDir.prepare(join(fixture.directory, "data"));
  said = [];
  tokens = 0;
});

afterEach(async () => {
  await supervisor?.stop(hardStop);
  supervisor = undefined;
  fixture.dispose();
});

const alivePid = (name: string) =>
  Number(existsSync(join(dataDir.node(name), "alive")) ? readFileSync(join(dataDir.node(name), "alive"), "utf8") : 0);

function make(coordinator = coordinatorSource, changed: Partial<SupervisorParts> = {}): Supervisor {
  const environment = { PATH: process.env["PATH"] ?? "" };
  const common = { executable: process.execPath, cwd: fixture.directory };
  const coordinatorPath = fixture.program("coordinator.mjs", coordinator);
  const agentPath = fixture.program("agent.mjs", agentSource);
  supervisor = new Supervisor({
    dataDir,
    clock: systemClock,
    coordinator: { ...common, args: [coordinatorPath], environment },
    agent: (node, _ready, token) => ({
      ...common,
      args: [agentPath, dataDir.node(node.name)],
      environment: token === undefined ? environment : { ...environment, LORMAS_JOIN_TOKEN: token },
    }),
    nodes: planNodes(2, "127.0.1"),
    connect: () => ({
      createJoinToken: async () => {
        tokens += 1;
        return `token-${tokens}`;
      },
      nodes: async () =>
        ["node-1", "node-2"].map((name) => ({
          id: `id-${name}`,
          name,
          // Stored, and so true of a node that ran before: only what is heard anew tells that it runs now.
          healthy: alivePid(name) > 0,
          heardAt: alivePid(name) > 0 && runs(alivePid(name)) ? `since ${alivePid(name)}` : "",
        })),
    }),
    newMark: () => fixture.newMark(),
    say: (line) => said.push(line),
    bounds: { coordinatorReadyMs: 10_000, nodesHealthyMs: 10_000, leftoversMs: 2000 },
    ...changed,
  });
  return supervisor;
}

async function up(): Promise<Supervisor> {
  const made = make();
  await made.startCoordinator();
  expect(await made.startAgents()).toEqual([]);
  return made;
}

describe("the supervisor", () => {
  it("starts coordinator and nodes, gives each new node a token of its own, and stops all of them", async () => {
    const made = await up();
    expect(made.report().map(({ name, state }) => `${name} ${state}`)).toEqual([
      "coordinator running",
      "node-1 running",
      "node-2 running",
    ]);
    expect(readFileSync(join(dataDir.node("node-2"), "node.json"), "utf8")).toBe("token-2");
    await made.stop(calmStop);
    expect(fixture.running()).toEqual([]);
    await up();
    expect(tokens).toBe(2);
  });

  it("kills a node the hard way, leaves it down, and revives it", async () => {
    const made = await up();
    const before = alivePid("node-1");
    expect(await made.killNode("node-1")).toBe(1);
    expect(runs(before)).toBe(false);
    await expect(made.killNode("node-1")).rejects.toThrow("down already");
    await expect(made.reviveNode("node-2")).rejects.toThrow("is running");
    await expect(made.killNode("node-7")).rejects.toThrow('no node "node-7"');
    await made.reviveNode("node-1");
    await until("node-1 alive again", 10_000, () => alivePid("node-1") !== before && runs(alivePid("node-1")));
    expect(tokens).toBe(2);
  });

  it("starts a coordinator or an agent that died by itself again, and says so", async () => {
    const made = await up();
    const before = made.report();
    for (const child of before) killPid(child.pid ?? 0);
    await until("all running anew", 10_000, () =>
      made.report().every((child, index) => child.pid !== undefined && child.pid !== before[index]?.pid),
    );
    expect(said.filter((line) => line.includes("ended (SIGKILL)"))).toHaveLength(3);
  });

  it("shows the end of the coordinator's log when it dies before it is ready", async () => {
    const made = make('console.error("port 8080 is taken"); process.exit(3);');
    await expect(made.startCoordinator()).rejects.toThrow(/exit code 3.*port 8080 is taken/s);
  });

  it("gives up on a coordinator that is not ready within the bound", async () => {
    const bounds = { coordinatorReadyMs: 300, nodesHealthyMs: 300, leftoversMs: 300 };
    const made = make("setInterval(() => undefined, 1000);", { bounds });
    await expect(made.startCoordinator()).rejects.toThrow("was not ready within 0.3 s");
  });

  it("stops at once when told so a second time", async () => {
    const made = make(`${coordinatorSource}process.removeAllListeners("SIGTERM"); process.on("SIGTERM", () => 0);`);
    await made.startCoordinator();
    const calm = made.stop({ agentsMs: 60_000, coordinatorMs: 60_000 });
    await made.stop(hardStop);
    await calm;
    expect(fixture.running()).toEqual([]);
  });
});
