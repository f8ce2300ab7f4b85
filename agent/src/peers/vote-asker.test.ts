import { LEASE_PROFILES, type LeasePolicy } from "@lormas/lease/lease-policy.ts";
import type { MembershipEpoch } from "@lormas/lease/membership.ts";
import { pino } from "pino";
import { describe, expect, test } from "vitest";
import { handClock } from "../clock/hand-clock.ts";
import { InProcessGuard } from "../guard-client/in-process-guard.ts";
import { LeaseKeeper } from "../session/lease-keeper.ts";
import { InMemoryPeers } from "./in-memory-peers.ts";
import { PeerDesk } from "./peer-desk.ts";
import type { PeerPlane } from "./peer-plane.ts";
import { VoteAsker } from "./vote-asker.ts";

const POLICY = LEASE_PROFILES.fast;
const SOFT_MS = POLICY.leaseMs / 2;

function group(size: number, epoch = 1, policy: LeasePolicy = POLICY): MembershipEpoch {
  const voters = Array.from({ length: size }, (_, n) => ({
    nodeId: `n${n + 1}`,
    nodeName: `node-${n + 1}`,
    peerAddress: `n${n + 1}:7446`,
  }));
  return { epoch, voters, policy };
}

/** Lets what was answered at this moment be taken in. */
async function settled(): Promise<void> {
  for (let n = 0; n < 30; n += 1) await Promise.resolve();
}

/** Agents with their leases, desks and askers, on one clock. */
function fleet(size: number, membership = group(size)) {
  const clock = handClock(10_000);
  const peers = new InMemoryPeers();
  const said: string[] = [];
  const log = pino({ level: "info" }, { write: (line: string) => said.push(JSON.parse(line).msg) });
  const nodes = Array.from({ length: size }, (_, n) => {
    const nodeId = `n${n + 1}`;
    const guard = new InProcessGuard();
    let enforced = 0;
    const lease = new LeaseKeeper({
      nodeId,
      membership,
      clock,
      timers: clock.timers,
      guard,
      enforcement: {
        kill: () => {
          enforced += 1;
        },
        thaw: () => true,
      },
    });
    const plane = peers.plane(nodeId);
    // The group was journalled long before this run: the guard of an agent that has just begun would say what it held.
    const desk = new PeerDesk(() => lease.lease, { deadlineMs: 0, softEndMs: 0 }, clock);
    plane.serve((question) => desk.answer(question));
    const asker = new VoteAsker({
      incarnation: `run of ${nodeId}`,
      lease,
      peers: plane,
      clock,
      timers: clock.timers,
      log,
    });
    let sequence = 0n;
    const renew = async () => {
      sequence += 1n;
      lease.sending(sequence);
      await lease.acknowledged(sequence);
    };
    return { nodeId, guard, lease, desk, asker, renew, enforced: () => enforced };
  });
  const advance = async (ms: number) => {
    for (let left = ms; left > 0; left -= 10) {
      clock.advance(Math.min(10, left));
      await settled();
    }
  };
  return { clock, peers, said, nodes, advance };
}

describe("an agent without lease", () => {
  test("asks nobody before the soft end, and then every other voter once an interval", async () => {
    const { nodes, peers, advance } = fleet(3);
    const [first] = nodes;
    for (const node of nodes) await node.renew();
    await advance(SOFT_MS - 10);
    expect(peers.asked).toEqual([]);
    for (const node of nodes.slice(1)) await node.renew();
    await advance(20);
    expect(peers.asked.map(({ voterNodeId }) => voterNodeId)).toEqual(["n2", "n3"]);
    expect(peers.asked[0]).toMatchObject({ nodeId: "n1", incarnation: "run of n1", membershipEpoch: 1 });
    await advance(POLICY.intervalMs);
    expect(peers.asked).toHaveLength(4);
    expect(first?.asker.counts).toMatchObject({ asked: 4, declined: 4, votes: 0 });
  });

  test("has the connections made before the soft end, once a lease that is not renewed, and not while it is", async () => {
    const { nodes, peers, advance } = fleet(3);
    const [first] = nodes;
    await first?.renew();
    await advance(POLICY.intervalMs);
    await first?.renew();
    await advance(SOFT_MS - POLICY.leaseMs / 4 - 10);
    expect(peers.prepared).toEqual([]);
    await advance(20);
    const voters = group(3).voters.slice(1);
    expect(peers.prepared).toEqual([{ nodeId: "n1", voters }]);
    await advance(POLICY.leaseMs / 4 - 30);
    expect(peers.prepared).toHaveLength(1);
    expect(peers.asked).toEqual([]);
    await first?.renew();
    await advance(POLICY.intervalMs);
    expect(peers.prepared).toHaveLength(1);
  });

  test("goes on for as long as a majority is without lease, and says so", async () => {
    const { nodes, said, advance } = fleet(3);
    for (const node of nodes) await node.renew();
    await advance(20 * POLICY.leaseMs);
    for (const node of nodes) {
      expect(node.enforced()).toBe(0);
      expect(node.lease.mayRun()).toBe(true);
      expect(node.lease.mayStart()).toBe(false);
      expect(node.guard.deadlineMs).toBe(node.lease.lease.hardEndMs);
    }
    expect(said.filter((line) => line.startsWith("no lease is renewed"))).toHaveLength(3);
    const goesOn = said.filter((line) => line.includes("goes on"));
    expect(goesOn[0]).toMatch(/^[23] of 3 voters are without lease \(this node, node-[123]/);
    // 32 seconds: once at once and once after half a minute, each.
    expect(goesOn.length).toBe(6);
    for (const node of nodes) await node.renew();
    await advance(POLICY.intervalMs * 2);
    expect(said.filter((line) => line === "a lease is held again")).toHaveLength(3);
  });

  test("alone among nodes with leases, kills at its hard end and says who holds one", async () => {
    const { nodes, said, advance } = fleet(3);
    const [alone, ...others] = nodes;
    for (const node of nodes) await node.renew();
    for (let ms = 0; ms < POLICY.leaseMs + 200; ms += 200) {
      for (const node of others) await node.renew();
      await advance(200);
    }
    expect(alone?.enforced()).toBeGreaterThan(0);
    expect(said.at(-1)).toBe(
      "1 of 3 voters are without lease (this node; node-2: this node holds a lease; node-3: this node holds a lease): " +
        "HA containers of this node are killed",
    );
  });

  test("a vote that comes after killing began saves nothing; the next acknowledgement does", async () => {
    const { nodes, peers, advance } = fleet(3);
    const [alone, ...others] = nodes;
    for (const node of nodes) await node.renew();
    let late: (() => void) | null = null;
    const answers: Promise<void>[] = [];
    peers.passage = async (question, answering) => {
      // The voters lose the leader later; what they then say arrives after the asker's hard end.
      const released = new Promise<void>((resolve) => {
        const before = late;
        late = () => {
          before?.();
          resolve();
        };
      });
      answers.push(released);
      await released;
      return { ...answering(question), withoutLease: true };
    };
    await advance(POLICY.leaseMs + 50);
    expect(alone?.enforced()).toBeGreaterThan(0);
    (late as (() => void) | null)?.();
    await settled();
    await advance(POLICY.intervalMs);
    expect(alone?.lease.mayRun()).toBe(false);
    expect(alone?.asker.counts.votes).toBeGreaterThan(0);
    for (const node of others) expect(node.lease.mayRun()).toBe(false);
    await alone?.renew();
    expect(alone?.lease.mayRun()).toBe(true);
  });

  test.each([
    ["v/2", POLICY, POLICY.voteMs / 2],
    ["L/4, whatever v", { ...POLICY, voteMs: POLICY.leaseMs }, POLICY.leaseMs / 4],
    ["v/2, where votes are short", { ...POLICY, voteMs: 2 * POLICY.intervalMs }, POLICY.intervalMs],
  ])("one question per voter is open at a time, and none is asked for longer than %s", async (_, policy, mostMs) => {
    const timeouts: number[] = [];
    const hanging: PeerPlane = {
      ...new InMemoryPeers().plane("n1"),
      ask: (_voter, _question, timeoutMs) => {
        timeouts.push(timeoutMs);
        return new Promise(() => undefined);
      },
    };
    const clock = handClock(10_000);
    const lease = new LeaseKeeper({
      nodeId: "n1",
      membership: group(2, 1, policy),
      clock,
      timers: clock.timers,
      guard: new InProcessGuard(),
      enforcement: { kill: () => undefined, thaw: () => true },
    });
    const log = pino({ level: "silent" });
    new VoteAsker({ incarnation: "run", lease, peers: hanging, clock, timers: clock.timers, log });
    lease.sending(1n);
    await lease.acknowledged(1n);
    clock.advance(POLICY.leaseMs);
    await settled();
    expect(timeouts).toHaveLength(1);
    expect(timeouts[0]).toBeLessThan(mostMs);
    expect(timeouts[0]).toBeGreaterThan(mostMs / 2);
  });

  test.each([
    ["of another run", { incarnation: "an earlier run" }],
    ["to an older question", { askedMs: 1 }],
    ["of another voter", { voterNodeId: "n3" }],
  ])("an answer %s is dropped and said", async (_what, forged) => {
    const { nodes, peers, said, advance } = fleet(2);
    const [node] = nodes;
    peers.passage = async (question, answering) => ({ ...answering(question), withoutLease: true, ...forged });
    for (const one of nodes) await one.renew();
    await advance(POLICY.leaseMs + 20);
    expect(node?.asker.counts).toMatchObject({ votes: 0 });
    expect(node?.asker.counts.foreign).toBeGreaterThan(0);
    expect(node?.lease.mayRun()).toBe(false);
    expect(said).toContain("an answer to no open question was dropped");
  });

  test("a voter of another membership epoch counts in the asker's own set, and that is said once", async () => {
    const { nodes, peers, said, advance } = fleet(3);
    for (const node of nodes) await node.renew();
    peers.passage = async (question, answering) => ({ ...answering(question), membershipEpoch: 7 });
    await advance(5 * POLICY.leaseMs);
    for (const node of nodes) expect(node.lease.mayRun()).toBe(true);
    expect(said.filter((line) => line.includes("another epoch of the voting group"))).toHaveLength(6);
  });

  test("with half of an even group it does not go on", async () => {
    const { nodes, peers, advance } = fleet(4);
    const [first] = nodes;
    for (const node of nodes) await node.renew();
    // The first hears one other: itself and one are two of four.
    peers.passage = async (question, answering) =>
      question.nodeId === "n1" && question.voterNodeId !== "n2" ? null : answering(question);
    await advance(POLICY.leaseMs + 50);
    expect(first?.enforced()).toBeGreaterThan(0);
    expect(nodes[1]?.lease.mayRun()).toBe(true);
  });

  test("where survival is off, nobody is asked", async () => {
    const policy = { ...POLICY, survival: false };
    const { nodes, peers, advance } = fleet(3, group(3, 1, policy));
    for (const node of nodes) await node.renew();
    await advance(2 * POLICY.leaseMs);
    expect(peers.asked).toEqual([]);
    for (const node of nodes) expect(node.enforced()).toBeGreaterThan(0);
  });

  test("a changed group is told to the plane, so that connections to those who left are closed", async () => {
    const { nodes, peers, advance } = fleet(3);
    await nodes[0]?.lease.adopt(group(2, 2));
    await advance(500);
    expect(peers.kept.get("n1")?.map(({ nodeId }) => nodeId)).toEqual(["n1", "n2"]);
  });
});
