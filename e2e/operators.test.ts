import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { until } from "../lab/src/until.ts";
import { EmbeddedDatabase } from "./fleet/embedded-database.ts";
import { Fleet } from "./fleet/fleet.ts";

/** What an operator does on an ordinary day (docs/operations.md), on real processes, with a receiver for alerts. */
let fleet: Fleet;
let receiver: Server;
const posted: string[] = [];

beforeAll(async () => {
  receiver = createServer((request, response) => {
    let text = "";
    request.on("data", (chunk) => {
      text += String(chunk);
    });
    request.on("end", () => {
      const { event, alert } = JSON.parse(text);
      posted.push(`${event} ${alert.kind}`);
      response.writeHead(204).end();
    });
  });
  await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  const { port } = receiver.address() as AddressInfo;
  fleet = await Fleet.up({
    environment: { LORMAS_PROFILE: "fast", LORMAS_ALERT_WEBHOOK_URL: `http://127.0.0.1:${port}/` },
  });
});
afterAll(async () => {
  await fleet?.dispose();
  receiver?.closeAllConnections();
  receiver?.close();
});

const cli = async (...args: string[]) => {
  const outcome = await fleet.cli(...args);
  expect(outcome.code, `${args.join(" ")}: ${outcome.stdout}${outcome.stderr}`).toBe(0);
  return outcome;
};
const nodeOf = async (name: string) =>
  (await fleet.api().containers.getContainer({ id: name })).container?.nodeName ?? "";
const duty = async (name: string): Promise<string> => {
  const { stdout } = await cli("node", "show", name, "-o", "json");
  return JSON.parse(stdout).duty.state;
};

test("a drain empties a node, a maintenance keeps its death quiet, and what it moved comes back", {
  timeout: 240_000,
}, async () => {
  for (const name of ["web-1", "web-2", "web-3"]) await cli("container", "create", name, "--egg", "hello-http", "--ha");
  await until("all run", 60_000, async () => {
    const { containers } = await fleet.api().containers.listContainers({});
    return containers.every(({ epoch, nodeName }) => epoch > 0n && nodeName !== "") ? true : undefined;
  });
  const victim = await nodeOf("web-1");
  const foretold = await cli("whatif", victim);
  expect(foretold.stdout).toMatch(/web-1 +node-\d +\d+\.\d s +wait .* \+ heartbeat .* \+ decision .* \+ start/);
  expect(foretold.stdout).toContain(`N+1 holds for ${victim}`);

  const began = await cli("node", "maintenance", victim, "--failback", "--wait", "--timeout", "120");
  expect(began.stdout).toMatch(new RegExp(`${victim}: in maintenance, by token:admin; [1-3] moved, 0 moving`));
  expect(await duty(victim)).toBe("DUTY_STATE_MAINTENANCE");
  expect(await nodeOf("web-1")).not.toBe(victim);

  await fleet.control.kill(victim);
  await fleet.nodes("DEAD", [victim]);
  const quiet = await cli("alert", "ls");
  expect(quiet.stdout).not.toContain("node_dead");
  await cli("demo", "revive", victim);
  await fleet.nodes("HEALTHY");
  await cli("node", "maintenance", victim, "--end");
  await until("web-1 is back", 60_000, async () => ((await nodeOf("web-1")) === victim ? true : undefined));
  await until("it is in service", 30_000, async () =>
    (await duty(victim)) === "DUTY_STATE_IN_SERVICE" ? true : undefined,
  );
});

test("a move is previewed before it is made, and a node is preferred by its priority", {
  timeout: 120_000,
}, async () => {
  const home = await nodeOf("web-1");
  const preview = await cli("container", "migrate", "web-1", "--preview");
  expect(preview.stdout).toMatch(new RegExp(`From +${home}\\nTo +node-\\d\\n`));
  expect(preview.stdout).toMatch(/Without service +at most \d+\.\d s \(stop \d+\.\d s \+ start \d+\.\d s\)/);
  expect(await nodeOf("web-1")).toBe(home);

  const { nodes } = await fleet.api().nodes.listNodes({});
  const wanted = nodes.map(({ name }) => name).findLast((name) => name !== home) ?? "";
  const said = await cli("node", "update", wanted, "--priority", "0");
  expect(said.stdout).toContain(`${wanted} has priority 0`);
  await cli("container", "migrate", "web-1", "--force");
  await until("it is where the priority says", 60_000, async () =>
    (await nodeOf("web-1")) === wanted ? true : undefined,
  );
  await cli("node", "update", wanted, "--priority", "10");
  await cli("cluster", "update", "local", "--placement", "binpack");
  expect((await cli("cluster", "show", "local")).stdout).toMatch(/Placement +binpack/);
  await cli("cluster", "update", "local", "--placement", "spread");
});

test("the id of one request is found in the audit trail, its job, its events, the outbox and both agents' logs", {
  timeout: 120_000,
}, async () => {
  const [request, home] = ["move-web-1.2026-12", await nodeOf("web-1")];
  const headers = { "x-request-id": request };
  const answer = await fleet.rest().send("POST", "/api/v1/containers/web-1/migrate", "{}", headers);
  expect([answer.status, answer.headers.get("x-request-id")]).toEqual([200, request]);
  const { jobs } = await until("the move is done", 60_000, async () => {
    const { stdout } = await cli("job", "list", "--request", request, "-o", "json");
    const list = JSON.parse(stdout) as { jobs: { kind: string; state: string; migrationId: string }[] };
    return list.jobs[0]?.state === "JOB_STATE_SUCCEEDED" ? list : undefined;
  });
  expect(jobs).toMatchObject([{ kind: "migrate", requestId: request }]);
  const target = await nodeOf("web-1");
  expect(target).not.toBe(home);
  expect((await cli("audit", "list", "--request", request)).stdout).toMatch(/administrator.*MigrateContainer.*web-1/);
  const events = (await cli("events", "--request", request)).stdout;
  for (const type of ["migration.started", "migration.completed", "container.running"]) expect(events).toContain(type);
  expect((await cli("migration", "ls", "--request", request)).stdout).toContain(jobs[0]?.migrationId);
  const sent = await new EmbeddedDatabase(fleet).run("select from outbox where request_id = $1", [request]);
  expect(sent).toBe(4);

  const said = (node: string): string[] =>
    readFileSync(fleet.dataDir.log(node), "utf8")
      .split("\n")
      .filter((line) => line.includes(`"requestId":"${request}"`))
      .map((line) => JSON.parse(line) as { msg: string; action?: string; call?: string })
      .map(({ msg, action, call }) => `${msg}: ${action ?? call}`);
  const steps = (action: string, ...calls: string[]) => [
    ...[`command received: ${action}`, `command started: ${action}`],
    ...calls.map((call) => `runtime call done: ${call}`),
    `command done: ${action}`,
  ];
  expect(said(target)).toEqual([...steps("prepare", "prepare"), ...steps("start", "start")]);
  expect(said(home)).toEqual([...steps("stop", "stop"), ...steps("remove", "stop", "remove")]);
});

test("a program's token may what its role may and no more, and nothing once it is revoked", async () => {
  const file = join(mkdtempSync(join(tmpdir(), "lormas-token-")), "token");
  const secret = (await cli("token", "create", "ci", "--role", "viewer", "--lifetime", "1h")).stdout.trim();
  writeFileSync(file, secret, { mode: 0o600 });
  const asProgram = (...args: string[]) => fleet.cli(...args, "--token-file", file);
  expect((await asProgram("auth", "whoami")).stdout).toMatch(/Name +ci\nSigned in by +token\nRole +viewer\n/);
  expect((await asProgram("container", "ls")).code).toBe(0);
  const can = await asProgram("auth", "can-i", "container:stop");
  expect([can.code, can.stdout]).toEqual([
    1,
    "no: token ci has the role viewer, which does not grant container:stop. These may: superadmin, operator, developer.\n",
  ]);
  const refused = await asProgram("container", "stop", "web-1");
  expect(refused.code).toBe(4);
  expect(refused.stderr).toContain("which does not grant container:stop");
  expect(refused.stderr).toContain("superadmin, operator, developer");
  const { stdout } = await cli("token", "ls");
  expect(stdout).toMatch(/ci +viewer +lormas_\S{5} +token:admin/);
  expect(stdout).not.toContain(secret);
  await cli("token", "revoke", "ci");
  expect((await asProgram("container", "ls")).code).toBe(4);
  rmSync(dirname(file), { recursive: true });
});

test("a death is an alert until the node is back; whoever takes it on is named, and a receiver hears all of it", async () => {
  const victim = await nodeOf("web-2");
  await fleet.control.kill(victim);
  await fleet.nodes("DEAD", [victim]);
  const { stdout } = await cli("alert", "ls", "-o", "json");
  const dead = JSON.parse(stdout).alerts.find(({ kind }: { kind: string }) => kind === "node_dead");
  expect(dead).toMatchObject({ subjectName: victim, state: "ALERT_STATE_OPEN" });
  const taken = await cli("alert", "ack", dead.id);
  expect(taken.stdout).toContain("by token:admin");
  await cli("demo", "revive", victim);
  await fleet.nodes("HEALTHY");
  await until("the receiver has heard", 30_000, () => (posted.includes("alert.resolved node_dead") ? true : undefined));
  const ofDeath = posted.filter((entry) => entry.endsWith(" node_dead"));
  expect(ofDeath).toEqual(["alert.opened node_dead", "alert.acknowledged node_dead", "alert.resolved node_dead"]);
});

test("what would cost N+1 is refused when the cluster says so, and the CLI says why", async () => {
  await cli("cluster", "update", "local", "--n-plus-one", "refuse");
  const [node] = (await fleet.api().nodes.listNodes({})).nodes;
  const most = Math.floor(((node?.capacity?.cpuMillis ?? 0) * 3) / 5);
  const outcomes = [];
  for (const name of ["big-1", "big-2", "big-3"]) {
    outcomes.push(await fleet.cli("container", "create", name, "--egg", "hello-http", "--ha", "--cpu", `${most}m`));
  }
  const refused = outcomes.find(({ code }) => code !== 0);
  expect(refused?.code).toBe(6);
  expect(refused?.stderr).toMatch(/N\+1 does not hold: if node-\d dies, .+ would be without a place/);
});
