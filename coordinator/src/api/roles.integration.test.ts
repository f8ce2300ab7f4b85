import { Code } from "@connectrpc/connect";
import { ContainerType } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { AuthServer } from "../identity/auth-server.ts";
import { Authenticator, IDENTITY_CACHE_MS } from "../identity/authenticate.ts";
import { permitsSomewhere } from "../permissions/grant.ts";
import { BUILT_IN_ROLES } from "../permissions/role.ts";
import { ManualClock } from "../runtime/manual-clock.ts";
import { systemClock } from "../runtime/system-clock.ts";
import { ApiTokenStore } from "../store/api-token-store.ts";
import { GrantStore } from "../store/grant-store.ts";
import { ROLES_MAX, RoleStore } from "../store/role-store.ts";
import { callRefusal } from "./call-refusal.ts";
import { type Client, clientFor, GAMES_ID, type ScopedRig, startScopedRig } from "./scoped-rig.ts";

let scoped: ScopedRig;
let access: Client["access"];
beforeAll(async () => {
  scoped = await startScopedRig();
  ({ access } = scoped.admin);
});
afterAll(() => scoped.rig.close());

test("a role of one's own is made, held everywhere and in a cluster, changed, and removed once nobody holds it", async () => {
  const { role } = await access.createRole({
    name: "crew",
    description: "keeps watch",
    includes: ["viewer"],
    grants: ["container:restart", "container:logs:*"],
  });
  expect(role).toMatchObject({ name: "crew", includes: ["viewer"], inherits: "viewer", builtIn: false });
  expect(role?.permissions).toContain("container:logs:view");
  expect(role?.permissions).not.toContain("container:start");
  const { api: everywhere } = await scoped.holder("crew-everywhere", "crew");
  const { api: inGames } = await scoped.holder("crew-in-games", "crew@cluster=games");
  expect((await everywhere.access.canI({ permission: "container:restart" })).allowed).toBe(true);
  expect((await everywhere.access.canI({ permission: "node:view" })).reason).toBe(
    "The role viewer grants node:view, which the role crew includes.",
  );
  expect((await inGames.access.canI({ permission: "container:restart", container: "arena" })).allowed).toBe(true);
  expect((await callRefusal(inGames.containers.restartContainer({ id: "shop" }))).code).toBe(Code.NotFound);
  expect((await callRefusal(inGames.containers.startContainer({ id: "arena" }))).code).toBe(Code.PermissionDenied);
  await access.updateRole({ name: "crew", includes: ["viewer"], grants: ["container:start"] });
  expect((await inGames.access.canI({ permission: "container:start", container: "arena" })).allowed).toBe(true);
  expect((await inGames.access.canI({ permission: "container:restart", container: "arena" })).allowed).toBe(false);
  expect((await callRefusal(access.deleteRole({ name: "crew" }))).message).toBe(
    "the role crew is in use by token crew-everywhere, token crew-in-games",
  );
  for (const name of ["crew-everywhere", "crew-in-games"]) await access.revokeToken({ name });
  await access.deleteRole({ name: "crew" });
  expect((await callRefusal(access.getRole({ name: "crew" }))).detail?.code).toBe("not_found");
});

test("roles that ship can be neither changed, nor removed, nor made again", async () => {
  for (const { name } of BUILT_IN_ROLES.all()) {
    expect((await callRefusal(access.updateRole({ name, grants: ["*"] }))).detail?.code).toBe("role_built_in");
    expect((await callRefusal(access.deleteRole({ name }))).detail?.code).toBe("role_built_in");
    expect((await callRefusal(access.createRole({ name, grants: ["*"] }))).detail?.code).toBe("name_taken");
  }
  expect((await callRefusal(access.createRole({ name: "none", grants: ["*"] }))).detail?.field).toBe("name");
});

test("what a role cannot be is refused by its field, with what comes near, before anything is changed", async () => {
  const typo = await callRefusal(access.createRole({ name: "typo", grants: ["container:strat"] }));
  expect(typo.detail).toMatchObject({ code: "invalid_argument", field: "grants" });
  expect(typo.detail?.nextStep).toContain("container:start");
  await access.createRole({ name: "first", grants: ["container:view"] });
  await access.createRole({ name: "second", includes: ["first"] });
  const cycle = await callRefusal(access.updateRole({ name: "first", includes: ["second"] }));
  expect(cycle.message).toBe("it would include itself: first includes second includes first");
  expect((await access.getRole({ name: "first" })).role?.grants).toEqual(["container:view"]);
  expect((await callRefusal(access.deleteRole({ name: "first" }))).message).toContain("in use by role second");
  for (const name of ["second", "first"]) await access.deleteRole({ name });
});

test("two changes at once make no cycle", async () => {
  for (const name of ["left", "right"]) await access.createRole({ name, grants: ["container:view"] });
  const both = await Promise.allSettled([
    access.updateRole({ name: "left", includes: ["right"] }),
    access.updateRole({ name: "right", includes: ["left"] }),
  ]);
  expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  const roles = (await access.listRoles({})).roles.filter(({ name }) => ["left", "right"].includes(name));
  for (const { name } of roles.toSorted((a, b) => b.includes.length - a.includes.length))
    await access.deleteRole({ name });
});

test("nobody gives, makes or takes over more than he has", async () => {
  const grants = ["user:manage", "token:manage", "role:manage"];
  await access.createRole({ name: "clerk", includes: ["viewer"], grants });
  const { api: clerk } = await scoped.holder("clerk", "clerk");
  const denied = async (call: Promise<unknown>) => {
    const { code, message } = await callRefusal(call);
    expect(code, message).toBe(Code.PermissionDenied);
    return message;
  };
  await access.createUser({ email: "boss@example.org", role: "superadmin" });
  await access.createUser({ email: "dev@example.org", role: "none" });
  await access.grantRole({ email: "dev@example.org", role: "developer", cluster: "games" });
  expect(await denied(clerk.access.createUser({ email: "x@example.org", role: "developer" }))).toContain(
    "which may less than developer for everything: it lacks",
  );
  await denied(
    clerk.access.createToken({ name: "more", role: "none", grants: [{ role: "developer", cluster: "games" }] }),
  );
  await denied(clerk.access.grantRole({ email: "dev@example.org", role: "operator", container: "arena" }));
  await denied(clerk.access.createRole({ name: "king", grants: ["*"] }));
  await denied(clerk.access.createRole({ name: "king", includes: ["operator"] }));
  await denied(clerk.access.updateRole({ name: "clerk", includes: ["developer"], grants }));
  // A new password for somebody who may more would be his account.
  expect(await denied(clerk.access.resetPassword({ email: "boss@example.org" }))).toContain(
    "superadmin for everything",
  );
  await denied(clerk.access.resetPassword({ email: "dev@example.org" }));
  await denied(clerk.access.updateUser({ email: "boss@example.org", role: "viewer" }));
  expect((await clerk.access.createUser({ email: "eye@example.org", role: "viewer" })).user?.role).toBe("viewer");
  expect((await clerk.access.createRole({ name: "eyes", includes: ["viewer"] })).role?.builtIn).toBe(false);
});

test("a role for a container is given by who has it for the container or for everything, not for the cluster it is in now", async () => {
  await access.createRole({ name: "giver", grants: ["user:manage", "token:manage"] });
  await access.createUser({ email: "mover@example.org", role: "none" });
  const { api: ofCluster } = await scoped.holder("cluster-giver", "giver", "developer@cluster=games");
  const { api: ofContainer } = await scoped.holder("container-giver", "giver", "developer@container=arena");
  const wish = { email: "mover@example.org", role: "developer" };
  const { code, message, detail } = await callRefusal(ofCluster.access.grantRole({ ...wish, container: "arena" }));
  expect([code, detail?.field]).toEqual([Code.PermissionDenied, "role"]);
  expect(message).toContain("which may less than developer for container arena");
  expect(detail?.nextStep).toContain("goes with it where it moves");
  const token = { name: "moves", role: "none", grants: [{ role: "developer", container: "arena" }] };
  expect((await callRefusal(ofCluster.access.createToken(token))).code).toBe(Code.PermissionDenied);
  expect((await access.getUser({ email: wish.email })).user?.grants).toEqual([]);
  await ofCluster.access.grantRole({ ...wish, cluster: "games" });
  await ofContainer.access.grantRole({ ...wish, container: "arena" });
  expect((await access.getUser({ email: wish.email })).user?.grants).toHaveLength(2);
});

test("nobody takes from somebody, or ends, what he could not give", async () => {
  await access.createRole({
    name: "usher",
    includes: ["viewer"],
    grants: ["user:manage", "token:manage", "role:manage"],
  });
  const { api: usher } = await scoped.holder("usher", "usher");
  const denied = async (call: Promise<unknown>) => {
    const { code, message } = await callRefusal(call);
    expect(code, message).toBe(Code.PermissionDenied);
    return message;
  };
  await access.createUser({ email: "chief@example.org", role: "superadmin" });
  await access.createUser({ email: "smith@example.org", role: "none" });
  await access.grantRole({ email: "smith@example.org", role: "developer", cluster: "games" });
  await access.createRole({ name: "mighty", grants: ["egg:import"] });
  await scoped.holder("mighty", "mighty");
  await scoped.holder("mighty-in-games", "operator@cluster=games");
  const taken = { email: "smith@example.org", role: "developer", cluster: "games" };
  expect(await denied(usher.access.ungrantRole(taken))).toContain("developer in cluster games");
  for (const email of ["chief@example.org", "smith@example.org"]) {
    await denied(usher.access.deleteUser({ email }));
    await denied(usher.access.endSessions({ email }));
    await denied(usher.access.endUserSession({ email, id: "any" }));
  }
  await denied(usher.access.updateRole({ name: "mighty", grants: ["egg:view"] }));
  await denied(usher.access.deleteRole({ name: "mighty" }));
  expect(await denied(usher.access.revokeToken({ name: "mighty" }))).toBe(
    "token mighty has mighty for everything, which may more than token usher.",
  );
  await denied(usher.access.revokeToken({ name: "mighty-in-games" }));
  expect((await access.getRole({ name: "mighty" })).role?.grants).toEqual(["egg:import"]);
  expect((await access.listTokens({})).tokens.map(({ name }) => name)).toEqual(
    expect.arrayContaining(["mighty", "mighty-in-games"]),
  );
  // What is no more than he has he may take.
  await access.createUser({ email: "guest@example.org", role: "viewer" });
  await access.grantRole({ email: "guest@example.org", role: "viewer", cluster: "games" });
  await usher.access.ungrantRole({ email: "guest@example.org", role: "viewer", cluster: "games" });
  await usher.access.endSessions({ email: "guest@example.org" });
  await usher.access.deleteUser({ email: "guest@example.org" });
});

test("whoever made a token revokes it, though he may less than it since", async () => {
  const managing = ["token:manage", "container:view"];
  await access.createRole({ name: "lead", grants: [...managing, "container:start"] });
  await access.createRole({ name: "starter", grants: ["container:view", "container:start"] });
  const { api: lead } = await scoped.holder("lead", "lead");
  await lead.access.createToken({ name: "of-lead", role: "starter" });
  await access.updateRole({ name: "lead", grants: managing });
  const { api: other } = await scoped.holder("other-lead", "lead");
  expect((await callRefusal(other.access.revokeToken({ name: "of-lead" }))).code).toBe(Code.PermissionDenied);
  await lead.access.revokeToken({ name: "of-lead" });
  expect((await access.listTokens({})).tokens.map(({ name }) => name)).not.toContain("of-lead");
});

test("a pattern is given by who has it or a wider one, not by who has all that it covers today", async () => {
  const covered = (await access.listRoles({})).permissions
    .map(({ name }) => name)
    .filter((name) => name.startsWith("container:"));
  const managing = ["role:manage", "token:manage"];
  await access.createRole({ name: "enumerated", grants: [...managing, ...covered] });
  await access.createRole({ name: "patterned", grants: [...managing, "container:*"] });
  const { api: enumerated } = await scoped.holder("enumerated", "enumerated");
  const { api: patterned } = await scoped.holder("patterned", "patterned");
  const { code, message } = await callRefusal(enumerated.access.createRole({ name: "all", grants: ["container:*"] }));
  expect(code).toBe(Code.PermissionDenied);
  expect(message).toContain("it lacks container:*");
  expect((await callRefusal(enumerated.access.createRole({ name: "all", includes: ["patterned"] }))).code).toBe(
    Code.PermissionDenied,
  );
  expect((await callRefusal(enumerated.access.createToken({ name: "all", role: "patterned" }))).code).toBe(
    Code.PermissionDenied,
  );
  await enumerated.access.createRole({ name: "each", grants: covered });
  await patterned.access.createRole({ name: "narrower", grants: ["container:ha:*", "container:start"] });
  await patterned.access.createRole({ name: "equal", includes: ["enumerated"], grants: ["container:*"] });
});

test("who may create HA containers in some clusters alone gets no room for them elsewhere", async () => {
  await access.createRole({ name: "creator", includes: ["viewer"], grants: ["container:create"] });
  const { api } = await scoped.holder("creator", "creator", "developer@cluster=games");
  const made = async (name: string, type: ContainerType) => {
    await api.containers.createContainer({
      name,
      eggId: "hello-http",
      type,
      preferredCluster: "games",
      createStopped: true,
    });
    return scoped.rig.operations.within;
  };
  expect(await made("plain-one", ContainerType.STANDARD)).toBeNull();
  expect(await made("ha-one", ContainerType.HA)).toEqual(new Set([GAMES_ID]));
});

test("a changed role holds within two seconds on a coordinator that was not told", async () => {
  await access.createRole({ name: "slow", grants: ["container:view"] });
  const { token } = await scoped.holder("slow", "slow");
  const { database } = scoped.rig.database;
  const clock = new ManualClock();
  const stores = {
    tokens: new ApiTokenStore(database.orm, systemClock),
    grants: new GrantStore(database.orm, systemClock),
    roles: new RoleStore(database.orm, systemClock),
  };
  // Only bearer tokens are looked at: of the sessions nothing is needed.
  const other = new Authenticator(database, stores, { auth: {} } as AuthServer, clock);
  const headers = new Headers({ authorization: `Bearer ${token}` });
  const may = async () => permitsSomewhere((await other.authenticate(headers))?.grants ?? [], "egg:view");
  expect(await may()).toBe(false);
  await access.updateRole({ name: "slow", grants: ["container:view", "egg:view"] });
  expect(await may()).toBe(false);
  await clock.advance(IDENTITY_CACHE_MS, async () => {});
  expect(await may()).toBe(true);
});

test("a role that sees events alone is told nothing else by them", async () => {
  await access.createRole({ name: "listener", grants: ["event:view"] });
  const { token } = await scoped.holder("listener", "listener");
  const abort = new AbortController();
  const watch = clientFor(scoped.rig.plane.url, token).events.watch({}, { signal: abort.signal });
  for await (const { message } of watch) {
    if (message.case === "opened") {
      await scoped.rig.operations.commit([{ type: "of-arena", containerId: scoped.arenaId }]);
    } else if (message.case === "health") {
      expect(message.value.nodes).toEqual([]);
    } else if (message.case === "change") {
      expect([message.value.event?.type, message.value.container]).toEqual(["of-arena", undefined]);
      break;
    }
  }
  abort.abort();
});

test("there are no more roles than the bound", async () => {
  const own = (await access.listRoles({})).roles.filter(({ builtIn }) => !builtIn).length;
  await scoped.rig.database.database.orm.em.fork().execute(
    `insert into role (name, description, includes, grants, changed_by, changed_at)
     select 'fill-' || n, '', '[]', '["egg:view"]', 't', now() from generate_series(1, ?) n`,
    [ROLES_MAX - own],
  );
  expect((await callRefusal(access.createRole({ name: "over", grants: ["egg:view"] }))).message).toContain("100 roles");
});
