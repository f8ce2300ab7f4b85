import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ContainerType } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { type Authority, RotationPhase } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { authorityId, issuerOf, readAuthorities } from "@lormas/wire/authority-list.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { until } from "../../lab/src/until.ts";
import { BEATING, CopyRecords, offerBeatingEgg } from "../fleet/beating-copy.ts";
import { ProcessFleet } from "../fleet/process-fleet.ts";

/** The authority of a fleet of real processes is replaced: two coordinators on one database, three agents that vote for each other. */
const NODES = ["node-1", "node-2", "node-3"];
const WAIT_MS = 60_000;
let fleet: ProcessFleet;
let copies: CopyRecords;

beforeAll(async () => {
  const environment = { LORMAS_LEADER_TTL_MS: "2000" };
  fleet = await ProcessFleet.up({ nodes: NODES, coordinators: ["one", "two"], environment });
  await offerBeatingEgg(fleet.databaseUrl);
  copies = new CopyRecords(fleet.folder);
});
afterAll(() => fleet?.dispose());

/** Of any coordinator that answers. */
async function authority(): Promise<Authority> {
  return await until("a coordinator shows the authority", WAIT_MS, async () => {
    for (const name of fleet.coordinators.keys()) {
      const answer = await fleet
        .api(name)
        .authority.getAuthority({})
        .catch(() => undefined);
      if (answer?.authority) return answer.authority;
    }
    return undefined;
  });
}
const reached = (what: string, holds: (now: Authority) => boolean): Promise<Authority> =>
  until(what, WAIT_MS, async () => {
    const now = await authority();
    return holds(now) ? now : undefined;
  });
const stateOf = (node: string) => {
  const read = (file: string): string => readFileSync(join(fleet.node(node).dataDir, file), "utf8");
  const trusted = readAuthorities(read("ca.pem"));
  const issuer = issuerOf(new X509Certificate(read("cert.pem")), trusted);
  return { trusted: trusted.map(authorityId), issuer: issuer && authorityId(issuer) };
};
const ends = (node: string): number =>
  fleet.log(node).match(/connection to the coordinator ended|command stream ended/g)?.length ?? 0;
/** A question that was not answered in time says more about the machine. */
const troubles = (node: string): string[] =>
  fleet.log(node).match(/[^\n]*(cannot be asked for its vote: (?!no answer)|connection of a peer)[^\n]*/g) ?? [];

test("the authority is replaced under an HA container: nobody's stream ends, nothing is stopped, and all use the new one", {
  timeout: 120_000,
}, async () => {
  const { containers } = fleet.api();
  const environment = { RECORD: copies.folder };
  await containers.createContainer({ name: "web", eggId: BEATING, type: ContainerType.HA, environment });
  await fleet.container("web", "RUNNING");
  const before = await authority();
  expect(before).toMatchObject({ phase: RotationPhase.STEADY, nextId: "", nodeCount: 3 });
  await reached("every node has said whom it trusts", ({ usingCount }) => usingCount === 3);
  const endsBefore = NODES.map(ends);

  const begun = await fleet.api().authority.rotateAuthority({ from: before.id });
  expect(begun.authority).toMatchObject({ phase: RotationPhase.TRUSTING, id: before.id });
  const next = begun.authority?.nextId ?? "";
  await expect(fleet.api("two").authority.rotateAuthority({})).rejects.toThrow(/is in its phase/);
  const after = await reached("the rotation is over", ({ phase }) => phase === RotationPhase.STEADY);
  expect(after).toMatchObject({ id: next, nextId: "", blockerCount: 0, mustEnrolAgainCount: 0 });

  await until("every node trusts the new authority alone", WAIT_MS, () =>
    NODES.every((node) => JSON.stringify(stateOf(node)) === JSON.stringify({ trusted: [next], issuer: next })),
  );
  expect(NODES.map(ends)).toEqual(endsBefore);
  expect(NODES.flatMap(troubles)).toEqual([]);
  expect(copies.of("web")).toHaveLength(1);
  for (const name of fleet.coordinators.keys()) {
    const folder = join(fleet.folder, name, "pki");
    const [only, ...more] = readAuthorities(readFileSync(join(folder, "ca-certificate.pem"), "utf8"));
    expect([only && authorityId(only), more]).toEqual([next, []]);
  }
  const entries = await fleet.api().audit.listAuditEntries({ method: "AuthorityService/RotateAuthority" });
  expect(entries.entries.map(({ outcome }) => outcome)).toContain("ok");
});

test("a node that is away holds it up over the leader's death, is named, and once left behind is told to enrol again", {
  timeout: 180_000,
}, async () => {
  const { nodeName } = await fleet.container("web", "RUNNING");
  const away = NODES.find((node) => node !== nodeName) ?? "";
  await fleet.killNode(away);
  const { authority: begun } = await fleet.api().authority.rotateAuthority({});
  const next = begun?.nextId ?? "";
  await reached("the others trust both", ({ trustingCount }) => trustingCount === 2);

  const [row] = await fleet.rows("select holder from leadership");
  const identities = await fleet.rows("select name from authority_coordinator");
  expect(identities.map(({ name }) => name)).toContain(row?.["holder"]);
  await fleet.coordinator("one").process.end("SIGKILL");
  await fleet.healthy(
    NODES.filter((node) => node !== away),
    WAIT_MS,
    "two",
  );
  const held = await reached("it is away", ({ blockers }) => blockers.some(({ reason }) => /^is away/.test(reason)));
  expect(held).toMatchObject({
    phase: RotationPhase.TRUSTING,
    nextId: next,
    mustEnrolAgain: expect.arrayContaining([away]),
  });
  expect(held.blockers.filter(({ kind }) => kind === "node").map(({ name }) => name)).toEqual([away]);
  const { authority: wishes } = fleet.api("two");
  await expect(wishes.leaveNodesBehind({ nodes: [nodeName] })).rejects.toThrow(/does not wait for/);

  await wishes.leaveNodesBehind({ nodes: [away] });
  const over = await reached("it is over without it", ({ phase }) => phase === RotationPhase.STEADY);
  expect(over).toMatchObject({ id: next });
  fleet.node(away).process.start();
  await until("it says what to do", WAIT_MS, () =>
    /has to enrol again: remove it \(lormas node rm\)/.test(fleet.log(away)),
  );
  expect(copies.of("web")).toHaveLength(1);
});
