import { Code, createClient } from "@connectrpc/connect";
import { AuditService } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Refusal } from "../domain/refusal.ts";
import { BUILT_IN_ROLES } from "../permissions/role.ts";
import { systemClock } from "../runtime/system-clock.ts";
import { GRANTS_MAX, GrantStore } from "../store/grant-store.ts";
import { DEFAULT_RETENTION, forgetThePast } from "../store/retention.ts";
import { bearerTransport } from "./bearer-transport.ts";
import type { Caller } from "./call-context.ts";
import { callRefusal } from "./call-refusal.ts";
import { GAMES_ID, type ScopedRig, SHOP_JOB_ID, startScopedRig } from "./scoped-rig.ts";
import { withoutForeignNames } from "./services/n-plus-one-words.ts";

let scoped: ScopedRig;
beforeAll(async () => {
  scoped = await startScopedRig();
});
afterAll(() => scoped.rig.close());

const person = (email: string) => scoped.admin.access.getUser({ email }).then(({ user }) => user);

test("somebody is given roles for a cluster and a container, shown with them, and loses them again", async () => {
  const { access } = scoped.admin;
  const { user } = await access.createUser({ email: "ann@example.org", role: "none" });
  expect(user).toMatchObject({ role: "", grants: [] });
  await access.grantRole({ email: "ANN@example.org", role: "developer", cluster: "games" });
  await access.grantRole({ email: "ann@example.org", role: "viewer", container: "shop" });
  // Twice is once.
  await access.grantRole({ email: "ann@example.org", role: "viewer", container: scoped.shopId });
  expect((await person("ann@example.org"))?.grants).toMatchObject([
    { role: "developer", cluster: "games", container: "", scopeId: GAMES_ID },
    { role: "viewer", cluster: "", container: "shop", scopeId: scoped.shopId },
  ]);
  expect((await access.listUsers({})).users.find(({ email }) => email === "ann@example.org")?.grants).toHaveLength(2);
  await access.ungrantRole({ email: "ann@example.org", role: "viewer", container: "shop" });
  expect((await person("ann@example.org"))?.grants).toHaveLength(1);
  const again = access.ungrantRole({ email: "ann@example.org", role: "viewer", container: "shop" });
  expect((await callRefusal(again)).detail).toMatchObject({ code: "not_found", field: "role" });
  // The role for everything is another matter.
  await access.updateUser({ email: "ann@example.org", role: "viewer" });
  expect(await person("ann@example.org")).toMatchObject({ role: "viewer", grants: [{ role: "developer" }] });
});

test("a grant names one place that is there, and a role that is there", async () => {
  const { access } = scoped.admin;
  const email = "ann@example.org";
  for (const wish of [{}, { cluster: "games", container: "shop" }]) {
    expect((await callRefusal(access.grantRole({ email, role: "viewer", ...wish }))).detail?.code).toBe(
      "invalid_argument",
    );
  }
  expect((await callRefusal(access.grantRole({ email, role: "king", cluster: "games" }))).detail?.field).toBe("role");
  const nowhere = await callRefusal(access.grantRole({ email, role: "viewer", cluster: "casino" }));
  expect(nowhere.detail?.code).toBe("unknown_cluster");
  const nobody = await callRefusal(access.grantRole({ email: "no@example.org", role: "viewer", cluster: "games" }));
  expect(nobody.detail).toMatchObject({ code: "not_found", field: "email" });
});

test("a token is made with roles for places alone, and says so", async () => {
  const { api } = await scoped.holder("ci", "developer@cluster=games", "viewer@container=shop");
  const me = await api.access.whoAmI({});
  expect(me).toMatchObject({ name: "ci", role: "", permissions: [] });
  expect(me.permissionsSomewhere).toContain("container:start");
  expect(me.grants.map(({ role, cluster, container }) => [role, cluster || container])).toEqual([
    ["developer", "games"],
    ["viewer", "shop"],
  ]);
  const { tokens } = await scoped.admin.access.listTokens({});
  expect(tokens.find(({ name }) => name === "ci")?.grants).toHaveLength(2);
});

test("can-i says where, by which grant, what is lacking and who could help", async () => {
  const { api } = await scoped.holder("asks", "developer@cluster=games", "viewer@container=shop");
  const ask = (container: string) => api.access.canI({ permission: "container:start", container });
  expect(await ask("arena")).toMatchObject({
    allowed: true,
    reason: "The role developer grants container:*; token asks has it in cluster games.",
  });
  expect(await ask("shop")).toMatchObject({
    allowed: false,
    reason:
      "token asks has developer in cluster games, viewer for container shop, which does not grant container:start on container shop. " +
      "These may: superadmin, operator, developer. Who may hand out roles (superadmin) can help with another token.",
  });
  expect((await api.access.canI({ permission: "container:start" })).reason).toContain("for everything");
  expect((await api.access.canI({ permission: "container:start", cluster: "games" })).allowed).toBe(true);
  const denied = await callRefusal(api.containers.startContainer({ id: "shop" }));
  expect(denied.code).toBe(Code.PermissionDenied);
  expect(denied.message).toContain("developer in cluster games, viewer for container shop");
  expect(denied.message).toContain("container:start on container shop");
  expect(denied.detail?.nextStep).toContain("ask who may give one: superadmin");
});

test("can-i of what is the same everywhere answers as its methods do, whatever part the role is for", async () => {
  const { api } = await scoped.holder("reads-eggs", "developer@cluster=games");
  for (const permission of ["egg:view", "egg:export"]) {
    expect(await api.access.canI({ permission })).toMatchObject({
      allowed: true,
      reason: expect.stringContaining("token reads-eggs has it in cluster games"),
    });
  }
  expect((await api.access.canI({ permission: "egg:import" })).allowed).toBe(false);
  // Profiles are the same everywhere, clusters are not.
  expect((await api.access.canI({ permission: "cluster:view" })).allowed).toBe(false);
  expect((await api.access.canI({ permission: "cluster:view", cluster: "games" })).allowed).toBe(true);
});

test("an operator of one cluster runs it, and neither reaches beyond it nor lets its containers out", async () => {
  const { api } = await scoped.holder("games-operator", "operator@cluster=games", "viewer@cluster=local");
  const code = async (call: Promise<unknown>) => (await callRefusal(call)).detail?.code;
  // What comes after the gate is nobody's decision here.
  expect(await code(api.nodes.cordonNode({ id: "games-1" }))).toBe("not_leader");
  expect(await code(api.nodes.cordonNode({ id: "node-1" }))).toBe("permission_denied");
  expect(await code(api.clusters.updateCluster({ id: "games", description: "x" }))).toBe("not_leader");
  expect(await code(api.clusters.updateCluster({ id: "games", allowOtherClusters: true }))).toBe("permission_denied");
  expect(await code(api.clusters.overrideSuspension({ id: "games", nodes: ["node-9"], reason: "off" }))).toBe(
    "unknown_node",
  );
  const away = await callRefusal(api.containers.migrateContainer({ id: "arena", targetNode: "node-1" }));
  expect(away.detail?.code).toBe("permission_denied");
  expect(away.message).toContain("migration:manage on node node-1, where it would go");
  expect(await code(api.containers.previewMigration({ id: "arena", targetNode: "node-1" }))).toBe("permission_denied");
  // Named or not: where it would go is looked at before, and nobody places here.
  expect(await code(api.containers.migrateContainer({ id: "arena" }))).toBe("not_leader");
  const { migration } = await api.containers.migrateContainer({ id: "arena", targetNode: "games-1" });
  expect(migration?.containerName).toBe("arena");
});

test("who may create in one cluster must name it", async () => {
  const { api } = await scoped.holder("makes", "developer@cluster=games", "viewer@cluster=local");
  const make = (name: string, preferredCluster: string) =>
    api.containers.createContainer({ name, eggId: "hello-http", preferredCluster, createStopped: true });
  expect((await make("mine", "games")).container?.name).toBe("mine");
  const nowhere = await callRefusal(make("anywhere", ""));
  expect(nowhere.message).toContain("does not grant container:create for everything");
  expect((await callRefusal(make("theirs", "local"))).message).toContain("container:create on cluster local");
});

test("what a wish costs in N+1 names nothing to those who may not see everything", async () => {
  const caller = (cluster: boolean) => {
    const role = BUILT_IN_ROLES.get("developer") ?? expect.fail();
    const scope = cluster
      ? ({ kind: "cluster", id: GAMES_ID, name: "games" } as const)
      : { kind: "everything" as const };
    // All that is read of a caller here.
    return { grants: [{ role, scope }] } as unknown as Caller;
  };
  const warns = async () => ({ warnings: ["if node-1 dies, shop would be without a place"] });
  expect((await withoutForeignNames(caller(false), warns)).warnings[0]).toContain("shop");
  const [warning = ""] = (await withoutForeignNames(caller(true), warns)).warnings;
  expect(warning).toContain("N+1 does not hold");
  expect(warning).not.toMatch(/shop|node-1/);
  const refuses = async () => {
    throw new Refusal("n_plus_one_lost", "if node-1 dies, shop would be without a place", "add room");
  };
  await expect(withoutForeignNames(caller(true), refuses)).rejects.toThrow(/^N\+1 does not hold after this/);
  const taken = async () => {
    const message = "host port 25565/tcp is taken on every node: by shop on node-1";
    throw new Refusal("port_taken", message, "choose another port", { field: "host_ports.game" });
  };
  await expect(withoutForeignNames(caller(false), taken)).rejects.toThrow("by shop on node-1");
  await expect(withoutForeignNames(caller(true), taken)).rejects.toMatchObject({
    ...{ code: "port_taken", message: "host port 25565/tcp is taken on every node", field: "host_ports.game" },
  });
});

test("what somebody asked of what he may not see is in the audit trail as denied, with its name", async () => {
  const { api } = await scoped.holder("prying", "viewer@container=arena");
  await callRefusal(api.containers.getContainer({ id: "shop" }));
  await callRefusal(api.events.listEvents({ container: "shop" }));
  await callRefusal(api.jobs.getJob({ id: SHOP_JOB_ID }));
  const logs = api.containers.streamLogs({ id: "shop" })[Symbol.asyncIterator]();
  // The gate lets nobody that far who may read nothing; somebody else may.
  await callRefusal(logs.next());
  const { api: reader } = await scoped.holder("peeking", "developer@container=arena");
  await callRefusal(reader.containers.streamLogs({ id: "shop" })[Symbol.asyncIterator]().next());
  const transport = bearerTransport(scoped.rig.plane.url, scoped.rig.token);
  const audit = createClient(AuditService, transport);
  const denied = async (actor: string) =>
    (await audit.listAuditEntries({ actor, decision: "denied" })).entries.map(
      ({ method, objectName, outcome }) => `${method} ${objectName} ${outcome}`,
    );
  await expect
    .poll(() => denied("prying"), { timeout: 5_000 })
    .toEqual([
      "ContainerService/StreamLogs  permission_denied",
      "JobService/GetJob shop not_found",
      "EventService/ListEvents shop not_found",
      "ContainerService/GetContainer shop not_found",
    ]);
  await expect
    .poll(() => denied("peeking"), { timeout: 5_000 })
    .toEqual(["ContainerService/StreamLogs shop not_found"]);
});

test("nobody holds more roles for places than the bound", async () => {
  const store = new GrantStore(scoped.rig.database.database.orm, systemClock);
  const holder = { kind: "user", id: "somebody" } as const;
  const grant = (index: number) => ({ role: `role-${index}`, scopeKind: "cluster", scopeId: GAMES_ID }) as const;
  for (let index = 0; index < GRANTS_MAX; index += 1) await store.add(holder, grant(index), "t");
  // What is held already is not one more.
  await store.add(holder, grant(0), "t");
  const more = store.add(holder, grant(GRANTS_MAX), "t");
  await expect(more).rejects.toMatchObject({ code: "invalid_argument", field: "role" });
  expect(await store.of(holder)).toHaveLength(GRANTS_MAX);
});

test("what is held for something that is gone is in nobody's way, and is forgotten", async () => {
  const { orm } = scoped.rig.database.database;
  const store = new GrantStore(orm, systemClock);
  const gone = async (holderId: string) => {
    await orm.em.fork().execute(
      `insert into role_grant (holder_kind, holder_id, role, scope_kind, scope_id, created_by, created_at)
       select 'user', ?, 'viewer', 'container', ('00000000-0000-4000-9000-' || lpad(n::text, 12, '0'))::uuid, 't', now()
         from generate_series(1, ?) n`,
      [holderId, GRANTS_MAX],
    );
  };
  const rowsOf = (holderId: string) =>
    orm.em.fork().execute("select 1 from role_grant where holder_kind = 'user' and holder_id = ?", [holderId]);
  for (const holderId of ["left-over", "untouched"]) await gone(holderId);
  const holder = { kind: "user", id: "left-over" } as const;
  expect(await store.of(holder)).toEqual([]);
  await store.add(holder, { role: "viewer", scopeKind: "cluster", scopeId: GAMES_ID }, "t");
  expect(await store.of(holder)).toHaveLength(1);
  expect(await rowsOf("left-over")).toHaveLength(1);
  // Of another nothing was touched; the next round of forgetting takes it.
  expect(await rowsOf("untouched")).toHaveLength(GRANTS_MAX);
  await forgetThePast(scoped.rig.database.database, DEFAULT_RETENTION, systemClock.wallMs());
  expect(await rowsOf("untouched")).toEqual([]);
});

test("the grants of an account go with it", async () => {
  const { access } = scoped.admin;
  await access.createUser({ email: "gone@example.org", role: "none" });
  await access.grantRole({ email: "gone@example.org", role: "viewer", cluster: "games" });
  const count = async () => {
    const em = scoped.rig.database.database.orm.em.fork();
    const sql = "select count(*)::int as n from role_grant where created_by = 'token:admin' and holder_kind = 'user'";
    return (await em.execute<{ n: number }[]>(sql))[0]?.n;
  };
  const before = (await count()) ?? 0;
  await access.deleteUser({ email: "gone@example.org" });
  expect(await count()).toBe(before - 1);
});
