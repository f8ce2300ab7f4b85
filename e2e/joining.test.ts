import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { until } from "../lab/src/until.ts";
import { Fleet } from "./fleet/fleet.ts";

/** How hosts come to a fleet and where their containers go (docs/join-a-host.md, docs/operations.md), with real agents. */
const AGENT = fileURLToPath(new URL("../agent/src/main.ts", import.meta.url));

let fleet: Fleet;
const hosts: ChildProcess[] = [];
beforeAll(async () => {
  fleet = await Fleet.up({ environment: { LORMAS_PROFILE: "fast" } });
});
afterAll(async () => {
  for (const host of hosts) if (host.exitCode === null) host.kill("SIGTERM");
  await Promise.all(hosts.map((host) => ended(host)));
  await fleet?.dispose();
});

const cli = async (...args: string[]) => {
  const outcome = await fleet.cli(...args);
  expect(outcome.code, `${args.join(" ")}: ${outcome.stdout}${outcome.stderr}`).toBe(0);
  return outcome;
};
const ended = (host: ChildProcess): Promise<number | null> =>
  host.exitCode === null ? new Promise((resolve) => host.once("exit", resolve)) : Promise.resolve(host.exitCode);
const node = async (name: string) => (await fleet.api().nodes.getNode({ id: name })).node;

/** Starts an agent as on a host of its own; the first time with a token. */
function startAgent(name: string, address: string, token = ""): { host: ChildProcess; log: () => string } {
  let text = "";
  const host = spawn(
    process.execPath,
    [
      ...[AGENT, "--data-dir", join(fleet.folder, name), "--coordinator", fleet.agentAddress],
      ...["--name", name, "--address", address, "--runtime", "exec"],
    ],
    {
      env: { ...process.env, ...(token === "" ? {} : { LORMAS_JOIN_TOKEN: token }) },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  for (const stream of [host.stdout, host.stderr]) stream.on("data", (chunk: Buffer) => (text += chunk.toString()));
  hosts.push(host);
  return { host, log: () => text };
}

test("a host whose token demands approval is let in by its key, and another is turned away", {
  timeout: 120_000,
}, async () => {
  const token = async () => JSON.parse((await cli("node", "token", "--approval", "-o", "json")).stdout).token as string;
  const first = startAgent("host-9", "127.99.0.9", await token());
  const second = startAgent("host-10", "127.99.0.10", await token());
  const pending = await until("both wait", 60_000, async () => {
    const { stdout } = await cli("node", "ls", "--pending");
    return /host-9/.test(stdout) && /host-10/.test(stdout) ? stdout : undefined;
  });
  expect((await cli("node", "ls")).stdout).toMatch(/host-9 +awaits approval/);
  const key = /^host-9 .*(SHA256:\S{43})/m.exec(pending)?.[1] ?? "";
  await until("its log says its key", 30_000, () => first.log().includes(key));
  expect(first.log()).toContain("awaiting approval: an operator has to let this node in");

  const wrong = await fleet.cli("node", "approve", "host-10", "--key", key);
  expect(wrong.code).not.toBe(0);
  expect(wrong.stderr).toContain("the key of host-10 is SHA256:");
  await cli("node", "deny", "host-10");
  expect(await ended(second.host)).not.toBe(0);
  expect(second.log()).toContain("host-10 is not let in: it was turned away");

  expect((await cli("node", "approve", "host-9", "--key", key)).stdout).toContain("host-9 is let in");
  await fleet.nodes("HEALTHY", ["host-9"]);
  expect((await cli("node", "ls", "--pending")).stdout).not.toContain("host-9");
  const events = (await cli("events", "-o", "json")).stdout;
  expect(events).toContain("host-9 was let into the fleet by token:admin");
});

test("containers keep to their constraints, and what does not fit any more is said and mended by a move", {
  timeout: 120_000,
}, async () => {
  await cli("node", "update", "host-9", "--label", "zone=b");
  const refused = await fleet.cli("container", "create", "web", "--egg", "hello-http", "--constraint", "zone in ()");
  expect(refused.code).not.toBe(0);
  expect(refused.stderr).toContain("its list names an empty value between the brackets");
  await cli("container", "create", "web", "--egg", "hello-http", "--ha", "--constraint", "zone == b", "--wait");
  expect(await fleet.container("web", "RUNNING")).toMatchObject({ nodeName: "host-9" });
  const unplaced = await cli("container", "create", "arm", "--egg", "hello-http", "--ha", "--arch", "s390x");
  expect(unplaced.stdout).toContain("arm");
  expect((await cli("container", "show", "arm")).stdout).toMatch(/Reason .*s390x is demanded, the node is/);
  await cli("container", "rm", "arm", "--wait");

  const changed = await cli("container", "update", "web", "--constraint", "zone!=b");
  expect(changed.stderr).toContain("web stays on host-9, where it would not be placed now: zone!=b is demanded");
  expect((await cli("container", "ls")).stdout).toContain("would not be placed there now: zone!=b is demanded");
  expect((await cli("container", "show", "web")).stdout).toMatch(/Constraints +zone!=b/);
  await cli("container", "migrate", "web", "--wait");
  expect((await fleet.container("web", "RUNNING")).nodeName).not.toBe("host-9");
  expect((await cli("container", "ls")).stdout).not.toContain("would not be placed");
  await cli("container", "update", "web", "--constraint", "");
  expect((await cli("container", "show", "web")).stdout).not.toContain("Constraints");
});

test("a host is renamed while it serves, and moves to another cluster once its agent has stopped", {
  timeout: 180_000,
}, async () => {
  await cli("cluster", "create", "hall-2", "--profile", "fast");
  await cli("node", "update", "host-9", "--name", "web-9");
  const serving = await fleet.cli("node", "update", "web-9", "--cluster", "hall-2");
  expect(serving.code).not.toBe(0);
  expect(serving.stderr).toContain("web-9 is healthy");
  await cli("node", "drain", "web-9", "--wait");
  hosts[0]?.kill("SIGTERM");
  await fleet.nodes("DEAD", ["web-9"]);
  // Its old group lets go of its vote within seconds.
  await until("it may move", 60_000, async () => {
    const { code, stderr } = await fleet.cli("node", "update", "web-9", "--cluster", "hall-2");
    if (code !== 0) expect(stderr).toContain("votes in local");
    return code === 0;
  });
  const { log } = startAgent("host-9", "127.99.0.9");
  await fleet.nodes("HEALTHY", ["web-9"]).catch((error: unknown) => {
    throw new Error(log().slice(-2_000), { cause: error });
  });
  expect(await node("web-9")).toMatchObject({ clusterName: "hall-2" });
  await cli("node", "uncordon", "web-9");
  const created = await cli("container", "create", "there", "--egg", "hello-http", "--cluster", "hall-2", "--wait");
  expect(created.code).toBe(0);
  expect(await fleet.container("there", "RUNNING")).toMatchObject({ nodeName: "web-9" });
});
