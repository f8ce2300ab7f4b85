import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { inspect } from "node:util";
import { type Client, ConnectError, createClient } from "@connectrpc/connect";
import { ErrorDetailSchema } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { AuditService, ClusterService, RegistryService } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type FleetRig, fleetRig } from "../runtime/fleet-rig.ts";
import { systemClock } from "../runtime/system-clock.ts";
import { Keyring } from "../secrets/keyring.ts";
import { RegistryLogins } from "../secrets/registry-logins.ts";
import { testKeyring } from "../secrets/test-keyring.ts";
import { MasterKeyStore } from "../store/master-key-store.ts";
import { REGISTRIES_MAX, RegistryStore } from "../store/registry-store.ts";
import { type RuntimePlaneRig, startRuntimePlaneRig } from "./runtime-plane-rig.ts";

// The public plane on a real runtime with a real PostgreSQL, and a registry's front door on loopback.
let rig: FleetRig;
let plane: RuntimePlaneRig;
let keyring: Keyring;
let registries: Client<typeof RegistryService>;
let door: Server;
/** How the door answers: with its own login, or by a token. */
let style: "basic" | "token" | "open";

const PASSWORD = "canary-of-the-robot";
const basic = `Basic ${Buffer.from(`robot:${PASSWORD}`).toString("base64")}`;

beforeEach(async () => {
  keyring = testKeyring();
  rig = await fleetRig(1, undefined, { keyring });
  plane = await startRuntimePlaneRig(rig, keyring);
  registries = createClient(RegistryService, plane.transport);
  style = "basic";
  door = createServer((request, response) => {
    const said = request.headers.authorization;
    const url = new URL(request.url ?? "", `http://${request.headers.host}`);
    if (url.pathname === "/token") {
      const isHis = said === basic && url.searchParams.get("service") === "images";
      response.writeHead(isHis ? 200 : 401).end(isHis ? '{"token":"t0ken"}' : "");
      return;
    }
    const wanted = { basic, token: "Bearer t0ken", open: said }[style];
    const challenge =
      style === "token" ? `Bearer realm="http://${request.headers.host}/token",service="images"` : 'Basic realm="door"';
    response.writeHead(said === wanted ? 200 : 401, { "www-authenticate": challenge }).end("{}");
  });
  await new Promise<void>((resolve) => door.listen(0, "127.0.0.1", resolve));
});
afterEach(async () => {
  door.closeAllConnections();
  await new Promise<unknown>((resolve) => door.close(resolve));
  await plane.close();
  await rig.close();
});

const em = () => rig.database.database.orm.em.fork();
const store = () => new RegistryStore(rig.database.database.orm, systemClock);
const server = (): string => `127.0.0.1:${(door.address() as AddressInfo).port}`;
const refusal = async (call: Promise<unknown>): Promise<string> => {
  const error = ConnectError.from(
    await call.then(
      () => expect.fail("it was granted"),
      (thrown: unknown) => thrown,
    ),
  );
  const [detail] = error.findDetails(ErrorDetailSchema);
  return `${detail?.code} ${detail?.field}: ${detail?.message}`;
};
async function logins(of: Keyring = keyring): Promise<RegistryLogins> {
  const shelf = new RegistryLogins({
    register: store(),
    keyring: of,
    clock: systemClock,
    log: pino({ level: "silent" }),
  });
  await shelf.start();
  await shelf.stop();
  return shelf;
}

test("a login is set, replaced, listed without its password and taken away, and the audit trail masks it", async () => {
  const set = { server: "registry.example.org:5000", username: "robot", password: PASSWORD };
  expect((await registries.setRegistry(set)).registry).toMatchObject({ server: set.server, username: "robot" });
  await registries.setRegistry({ ...set, username: "other" });
  await registries.setRegistry({ ...set, server: "index.docker.io", cluster: "local" });
  const { registries: all } = await registries.listRegistries({});
  expect(all.map((one) => [one.server, one.clusterName, one.username])).toEqual([
    ["docker.io", "local", "robot"],
    [set.server, "", "other"],
  ]);
  const rows = await em().execute<object[]>("select * from registry");
  const { entries } = await createClient(AuditService, plane.transport).listAuditEntries({ method: "SetRegistry" });
  expect(entries).toHaveLength(3);
  expect(inspect([all, rows, entries], { depth: null })).not.toContain(PASSWORD);
  await registries.removeRegistry({ server: set.server });
  expect(await refusal(registries.removeRegistry({ server: set.server }))).toContain("not_found server: no login for");
  expect((await registries.listRegistries({})).registries).toHaveLength(1);
});

test("what no image could name as its registry, the mask, and one login too many are refused", async () => {
  const set = { server: "example.org", username: "robot", password: PASSWORD };
  expect(await refusal(registries.setRegistry({ ...set, server: "registry" }))).toContain("invalid_argument server");
  expect(await refusal(registries.setRegistry({ ...set, password: "***" }))).toContain("invalid_argument password");
  expect(await refusal(registries.setRegistry({ ...set, cluster: "nowhere" }))).toContain("not_found cluster");
  await em().execute(
    `insert into registry select 'r' || n || '.example.org', '', 'u', 's', gen_random_uuid(), 'm', 'w', 'b', now()
       from generate_series(1, ?) n`,
    [REGISTRIES_MAX],
  );
  expect(await refusal(registries.setRegistry(set))).toContain(`${REGISTRIES_MAX} logins are set already`);
  // What is there can be replaced.
  await registries.setRegistry({ ...set, server: "r7.example.org" });
});

test("a node gets its cluster's login before the one for everything, of the registries asked for alone", async () => {
  const set = { username: "robot", password: PASSWORD };
  await registries.setRegistry({ ...set, server: "a.example.org" });
  await registries.setRegistry({ ...set, server: "a.example.org", cluster: "local", username: "local-robot" });
  await registries.setRegistry({ ...set, server: "b.example.org" });
  const [cluster] = (await createClient(ClusterService, plane.transport).listClusters({})).clusters;
  const shelf = await logins();
  const who = (clusterId: string, ...servers: string[]) =>
    shelf.loginsFor(clusterId, servers).map((one) => `${one.username}@${one.server}`);
  expect(who(cluster?.id ?? "", "a.example.org", "a.example.org", "c.example.org")).toEqual([
    "local-robot@a.example.org",
  ]);
  expect(who("another", "a.example.org", "b.example.org")).toEqual(["robot@a.example.org", "robot@b.example.org"]);
  expect(shelf.loginsFor("another", ["b.example.org"])[0]?.password).toBe(PASSWORD);
});

test("a login is sealed anew by another master key, opens for no other server, and without its key gives nobody", async () => {
  await registries.setRegistry({ server: "a.example.org", username: "robot", password: PASSWORD });
  const next = testKeyring();
  expect((await logins(next)).loginsFor("", ["a.example.org"])).toEqual([]);
  const both = new Keyring(next.primary, [keyring.primary]);
  expect(await new MasterKeyStore(rig.database.database).agree(both, 0)).toBe(1);
  expect((await logins(next)).loginsFor("", ["a.example.org"])).toMatchObject([{ password: PASSWORD }]);
  await em().execute("update registry set server = 'evil.example.org'");
  expect((await logins(next)).loginsFor("", ["evil.example.org"])).toEqual([]);
});

test("whether a registry takes a login can be asked, by the login itself or by a token, and what is wrong is said", async () => {
  await registries.setRegistry({ server: server(), username: "robot", password: PASSWORD });
  const asked = async () => registries.testRegistry({ server: server() });
  expect(await asked()).toMatchObject({ ok: true, detail: `${server()} takes the login of robot` });
  style = "token";
  expect(await asked()).toMatchObject({ ok: true });
  await registries.setRegistry({ server: server(), username: "robot", password: "wrong-one" });
  expect(await asked()).toMatchObject({ ok: false, detail: expect.stringContaining("check user and password") });
  style = "basic";
  const refused = await asked();
  expect(refused).toMatchObject({ ok: false, detail: expect.stringContaining("answered 401 to the login of robot") });
  expect(refused.detail).not.toContain("wrong-one");
  style = "open";
  expect(await asked()).toMatchObject({ ok: true, detail: expect.stringContaining("asks for no login") });
  // Nobody listens at port 1.
  await registries.setRegistry({ server: "127.0.0.1:1", username: "robot", password: PASSWORD });
  expect(await registries.testRegistry({ server: "127.0.0.1:1" })).toMatchObject({
    ok: false,
    detail: expect.stringContaining("cannot be asked"),
  });
  expect(await refusal(registries.testRegistry({ server: "nowhere.example.org" }))).toContain("not_found");
});
