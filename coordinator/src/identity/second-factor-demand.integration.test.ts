import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { ErrorDetailSchema } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { ContainerService } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bearerTransport } from "../api/bearer-transport.ts";
import { type PublicPlaneRig, startPublicPlaneRig } from "../api/public-plane-rig.ts";
import { codeOf, OWN, sessionOf, testPeople } from "./test-people.ts";

let rig: PublicPlaneRig;
beforeAll(async () => {
  rig = await startPublicPlaneRig();
});
afterAll(() => rig.close());

const { admin, audit, me, post, transport, person } = testPeople(() => rig);
const containers = (cookie: string) => createClient(ContainerService, transport({ cookie }));
const code = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => "served",
    (error: unknown) => ConnectError.from(error).findDetails(ErrorDetailSchema)[0]?.code ?? String(error),
  );
/** What is demanded bites within the time that an identity is believed. */
const demanded = (cookie: string) => expect.poll(() => code(containers(cookie).listContainers({})), { timeout: 5_000 });
const MASK = ["second_factor_required"];

test("who holds a role that demands a second factor and has none may do nothing but set one up", async () => {
  await admin().createRole({
    name: "crew",
    includes: ["viewer"],
    grants: ["token:manage"],
    secondFactorRequired: true,
  });
  const session = await person("ann@example.org", "crew");
  await demanded(session).toBe("second_factor_required");
  expect(await code(me(session).createToken({ name: "way-round", role: "viewer" }))).toBe("second_factor_required");
  expect(await code(me(session).updateProfile({ name: "Ann" }))).toBe("second_factor_required");
  await expect(containers(session).listContainers({})).rejects.toMatchObject({ code: Code.PermissionDenied });
  expect(await me(session).whoAmI({})).toMatchObject({ name: "ann@example.org", secondFactorDemandedBy: ["crew"] });
  expect((await me(session).getProfile({})).user).toMatchObject({ twoFactorEnabled: false });
  const { entries } = await audit().listAuditEntries({ method: "ContainerService/ListContainers" });
  expect(entries.map(({ outcome }) => outcome)).toContain("second_factor_required");

  const begun = await post("two-factor/enable", { password: OWN }, session);
  const { totpURI } = (await begun.json()) as { totpURI: string };
  expect(await code(containers(session).listContainers({}))).toBe("second_factor_required");
  const confirmed = await post("two-factor/verify-totp", { code: await codeOf(totpURI) }, session);
  const own = sessionOf(confirmed);
  expect(await code(containers(own).listContainers({}))).toBe("served");
  expect((await me(own).whoAmI({})).secondFactorDemandedBy).toEqual([]);
  // Without it again, nothing is left but to set one up.
  const off = await post("two-factor/disable", { password: OWN }, own);
  await demanded(sessionOf(off)).toBe("second_factor_required");
});

test("a role that includes a demanding one demands it as well, and so does one that is held for a cluster alone", async () => {
  await admin().createRole({ name: "mates", includes: ["crew"], grants: ["event:view"] });
  expect((await admin().getRole({ name: "mates" })).role).toMatchObject({
    ...{ secondFactorRequired: false, secondFactorDemanded: true },
  });
  const mate = await person("bob@example.org", "mates");
  await demanded(mate).toBe("second_factor_required");
  const guest = await person("eve@example.org", "viewer");
  await demanded(guest).toBe("served");
  await admin().grantRole({ email: "eve@example.org", role: "crew", cluster: "local" });
  await demanded(guest).toBe("second_factor_required");
  await admin().ungrantRole({ email: "eve@example.org", role: "crew", cluster: "local" });
  await demanded(guest).toBe("served");
});

test("of a role that ships the second factor alone can be changed, and nobody locks himself out", async () => {
  const boss = await person("max@example.org", "superadmin");
  const change = (cookie: string, secondFactorRequired: boolean, updateMask = MASK) =>
    me(cookie).updateRole({ name: "superadmin", secondFactorRequired, updateMask });
  expect(await code(change(boss, true))).toBe("no_second_factor");
  expect(await code(change(boss, true, ["description"]))).toBe("role_built_in");
  expect(await code(change(boss, true, [...MASK, "grants"]))).toBe("role_built_in");
  const { role: before } = await admin().getRole({ name: "superadmin" });
  const etag = before?.etag ?? "";
  const { role } = await admin().updateRole({ name: "superadmin", secondFactorRequired: true, updateMask: MASK, etag });
  expect(role).toMatchObject({ builtIn: true, secondFactorRequired: true, secondFactorDemanded: true });
  expect(role?.etag).not.toBe(etag);
  const stale = { name: "superadmin", secondFactorRequired: false, updateMask: MASK, etag };
  expect(await code(admin().updateRole(stale))).toBe("etag_mismatch");
  await demanded(boss).toBe("second_factor_required");

  // A token is a secret of its own, and is asked for none.
  expect(await code(createClient(ContainerService, bearerTransport(rig.plane.url, rig.token)).listContainers({}))).toBe(
    "served",
  );
  const { role: after } = await admin().updateRole({ name: "superadmin", updateMask: MASK });
  expect(after).toMatchObject({ secondFactorRequired: false, etag });
  await demanded(boss).toBe("served");
});

test("a role of one's own keeps what it demands when a change does not speak of it", async () => {
  await admin().updateRole({ name: "crew", description: "ashore", includes: ["viewer"], grants: ["job:view"] });
  expect((await admin().getRole({ name: "crew" })).role).toMatchObject({ secondFactorRequired: true });
  await admin().updateRole({ name: "crew", updateMask: MASK, secondFactorRequired: false });
  expect((await admin().getRole({ name: "crew" })).role).toMatchObject({
    ...{ description: "ashore", grants: ["job:view"], secondFactorRequired: false },
  });
});
