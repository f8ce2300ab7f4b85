import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, connect as connectTcp, createServer as createTcpServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls, type TLSSocket } from "node:tls";
import type { Voter } from "@lormas/lease/membership.ts";
import { pino } from "pino";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { bootClock, systemTimers, wallClock } from "../clock/clock.ts";
import { waitFor } from "../clock/wait-for-clock.ts";
import type { Credentials } from "../session/credentials.ts";
import { TestAuthority } from "../session/test-authority.ts";
import { testNodeId } from "../session/test-coordinator.ts";
import { GrpcPeerPlane } from "./grpc-peer-plane.ts";
import { portFile } from "./kept-port.ts";
import type { HostPort } from "./peer-address.ts";
import { PeerDialler } from "./peer-dialler.ts";
import { PEER_LIMITS, type PeerLimits } from "./peer-limits.ts";
import type { PeerAnswer, PeerQuestion } from "./peer-plane.ts";
import { TroubleLog } from "./trouble-log.ts";

const RUN = "7e57ab1e-0000-4000-8000-00000000ffff";
const clock = bootClock();
let authority: TestAuthority;
let dir: string;
let said: string[];
let ends: (() => unknown)[];

beforeAll(async () => {
  authority = await TestAuthority.create(Date.now);
});
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "lormas-peers-"));
  said = [];
  ends = [];
});
afterEach(async () => {
  for (const end of ends.reverse()) await end();
  rmSync(dir, { recursive: true });
});

const log = pino({ level: "info" }, { write: (line: string) => said.push(JSON.parse(line).msg) });

async function node(name: string, from = authority): Promise<Credentials> {
  return from.credentials(testNodeId(name), name);
}

async function plane(credentials: () => Credentials, limits: Partial<PeerLimits> = {}, listen?: HostPort) {
  const opened = await GrpcPeerPlane.open({
    credentials,
    listen: listen ?? { host: "127.0.0.1", port: 0 },
    advertise: null,
    address: "127.0.0.1",
    keptPort: portFile(join(dir, `${credentials().nodeName}-port`)),
    clock,
    timers: systemTimers,
    wall: wallClock,
    log,
    limits: { ...PEER_LIMITS, ...limits },
  });
  ends.push(() => opened.close());
  return opened;
}

/** A voter that answers every question with its vote. */
async function voter(name: string, limits: Partial<PeerLimits> = {}) {
  const credentials = await node(name);
  const opened = await plane(() => credentials, limits);
  const heard: PeerQuestion[] = [];
  opened.serve((question): PeerAnswer => {
    heard.push(question);
    const { incarnation, askedMs } = question;
    const voterNodeId = credentials.nodeId;
    return { voterNodeId, incarnation, askedMs, withoutLease: true, reason: "", membershipEpoch: 5 };
  });
  const as: Voter = { nodeId: credentials.nodeId, nodeName: name, peerAddress: opened.address };
  return { plane: opened, as, heard };
}

function question(of: string, to: Voter): PeerQuestion {
  return { nodeId: testNodeId(of), incarnation: RUN, voterNodeId: to.nodeId, askedMs: 123_450, membershipEpoch: 4 };
}

/** Asks with whatever certificate; the answer, or null. */
function dialler(credentials: Credentials | (() => Credentials)): PeerDialler {
  const present = typeof credentials === "function" ? credentials : () => credentials;
  const troubles = new TroubleLog(log, clock);
  const made = new PeerDialler({
    credentials: present,
    limits: PEER_LIMITS,
    timers: systemTimers,
    wall: wallClock,
    troubles,
  });
  ends.push(() => made.close());
  return made;
}

const port = (address: string) => Number(address.split(":")[1]);

describe("the peer plane", { timeout: 20_000 }, () => {
  test("carries a question to the voter and its answer back, over one connection that is kept", async () => {
    const asked = await voter("node-2");
    const asker = await voter("node-1");
    for (let n = 0; n < 5; n += 1) {
      const answer = await asker.plane.ask(asked.as, question("node-1", asked.as), 5_000);
      expect(answer).toEqual({
        voterNodeId: testNodeId("node-2"),
        incarnation: RUN,
        askedMs: 123_450,
        withoutLease: true,
        reason: "",
        membershipEpoch: 5,
      });
    }
    expect(asked.heard[0]).toEqual(question("node-1", asked.as));
    expect(asked.plane.open.askers).toBe(1);
    asker.plane.keep([{ ...asked.as, peerAddress: "127.0.0.1:1" }]);
    expect(asker.plane.open.voters).toBe(0);
    await waitFor("the connection closed", () => asked.plane.open.askers === 0);
  });

  test("has the connection to a voter before the first question to it", async () => {
    const asked = await voter("node-2");
    const asker = await voter("node-1");
    asker.plane.prepare([asked.as]);
    await waitFor("the connection", () => asked.plane.open.askers === 1);
    asker.plane.prepare([asked.as]);
    expect(await asker.plane.ask(asked.as, question("node-1", asked.as), 5_000)).not.toBeNull();
    expect(asked.plane.open.askers).toBe(1);
  });

  test("a voter whose certificate another authority signed is not believed", async () => {
    const foreign = await TestAuthority.create(Date.now);
    const forger = await node("node-2", foreign);
    const forged = await plane(() => forger);
    forged.serve(() => expect.unreachable());
    const as: Voter = { nodeId: forger.nodeId, nodeName: "node-2", peerAddress: forged.address };
    expect(await dialler(await node("node-1")).ask(as, question("node-1", as), 5_000)).toBeNull();
    expect(said.at(-1)).toBe("node-2 cannot be asked for its vote: certificate signature failure");
  });

  test("a voter that shows another node's certificate is not believed, and the log names it", async () => {
    const other = await voter("node-3");
    const as: Voter = { nodeId: testNodeId("node-2"), nodeName: "node-2", peerAddress: other.as.peerAddress };
    expect(await dialler(await node("node-1")).ask(as, question("node-1", as), 5_000)).toBeNull();
    expect(other.heard).toEqual([]);
    expect(said.at(-1)).toContain(`node ${testNodeId("node-3")} answers at ${as.peerAddress}, which is not the voter`);
  });

  test("an asker of another authority, or without a certificate, gets no answer", async () => {
    const asked = await voter("node-2");
    const forged = { ...(await node("node-1", await TestAuthority.create(Date.now))), caPem: authority.pem };
    expect(await dialler(forged).ask(asked.as, question("node-1", asked.as), 5_000)).toBeNull();
    const bare = connectTls({ port: port(asked.as.peerAddress), rejectUnauthorized: false, ALPNProtocols: ["h2"] });
    await closed(bare);
    expect(asked.heard).toEqual([]);
    expect(said.some((line) => line.startsWith("a connection of a peer came to nothing"))).toBe(true);
  });

  test("who asks in the name of another node is refused", async () => {
    const asked = await voter("node-2");
    expect(await dialler(await node("node-3")).ask(asked.as, question("node-1", asked.as), 5_000)).toBeNull();
    expect(asked.heard).toEqual([]);
    expect(said.at(-1)).toContain(`node ${testNodeId("node-3")} asks in the name of node ${testNodeId("node-1")}`);
  });

  test("what is not whole is refused: another voter's question, no UUID, a number beyond counting", async () => {
    const asked = await voter("node-2");
    const credentials = await node("node-1");
    const whole = question("node-1", asked.as);
    const wrong: [Partial<PeerQuestion>, string][] = [
      [{ voterNodeId: testNodeId("node-9") }, "the voting group has an old address"],
      [{ incarnation: "me" }, "the question is refused"],
      [{ askedMs: 2 ** 60 }, "a number is too large"],
    ];
    for (const [part, text] of wrong) {
      expect(await dialler(credentials).ask(asked.as, { ...whole, ...part }, 5_000)).toBeNull();
      expect(said.at(-1)).toContain(text);
    }
    expect(asked.heard).toEqual([]);
  });

  test("nothing older than TLS 1.3 is spoken", async () => {
    const asked = await voter("node-2");
    const { keyPem, certificatePem } = await node("node-1");
    const old = connectTls({
      port: port(asked.as.peerAddress),
      key: keyPem,
      cert: certificatePem,
      rejectUnauthorized: false,
      maxVersion: "TLSv1.2",
    });
    expect(await closed(old)).toMatch(/version|EPROTO|ECONNRESET/);
  });

  test("a host that takes the connection and says nothing costs no more than the timeout", async () => {
    const taken: Socket[] = [];
    const silent = createTcpServer((socket) => taken.push(socket)).listen(0, "127.0.0.1");
    ends.push(() => {
      for (const socket of taken) socket.destroy();
      silent.close();
    });
    await new Promise((resolve) => silent.once("listening", resolve));
    const peerAddress = `127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const as: Voter = { nodeId: testNodeId("node-2"), nodeName: "node-2", peerAddress };
    const asking = dialler(await node("node-1"));
    const before = performance.now();
    expect(await asking.ask(as, question("node-1", as), 300)).toBeNull();
    expect(performance.now() - before).toBeLessThan(1_500);
    expect(said.at(-1)).toContain("no answer within 300 ms");
    // A busy voter may need a second question for the handshake; then the line that hangs is given up.
    expect(asking.lines).toBe(1);
    expect(await asking.ask(as, question("node-1", as), 300)).toBeNull();
    expect(asking.lines).toBe(0);
  });

  test("where nobody listens, the asker has no answer and asks again with success once somebody does", async () => {
    const asking = dialler(await node("node-1"));
    const asked = await voter("node-2");
    await asked.plane.close();
    expect(await asking.ask(asked.as, question("node-1", asked.as), 2_000)).toBeNull();
    const again = await voter("node-2");
    // The same port: peers have journalled it.
    expect(again.as.peerAddress).toBe(asked.as.peerAddress);
    expect(await asking.ask(again.as, question("node-1", again.as), 5_000)).toMatchObject({ withoutLease: true });
  });

  test("a renewed certificate is shown at both ends by the connections after that", async () => {
    let present = await node("node-1");
    const opened = await plane(() => present);
    const seen = async () => {
      const socket = connectTls({ port: port(opened.address), rejectUnauthorized: false, ALPNProtocols: ["h2"] });
      socket.on("error", () => undefined);
      await new Promise((resolve) => socket.once("secureConnect", resolve));
      const { serialNumber } = socket.getPeerCertificate();
      socket.destroy();
      return serialNumber;
    };
    const asked = await voter("node-2");
    const before = await seen();
    await opened.ask(asked.as, question("node-1", asked.as), 5_000);
    present = await node("node-1");
    opened.renew(present);
    expect(await seen()).not.toBe(before);
    expect(await opened.ask(asked.as, question("node-1", asked.as), 5_000)).toMatchObject({ withoutLease: true });
    expect(opened.open.voters).toBe(1);
    await waitFor("the connection of before closed", () => asked.plane.open.askers === 1);
  });
});

describe("the bounds of the peer plane", { timeout: 20_000 }, () => {
  test("a node that dials again and again keeps its newest connections", async () => {
    const asked = await voter("node-2", { connectionsPerNodeMax: 2 });
    const credentials = await node("node-1");
    for (let n = 0; n < 4; n += 1) {
      expect(await dialler(credentials).ask(asked.as, question("node-1", asked.as), 5_000)).not.toBeNull();
    }
    await waitFor("the older ones closed", () => asked.plane.open.askers === 2);
  });

  test("a node that asks too often is told so, and answered again after a while", async () => {
    const asked = await voter("node-2", { questionsPerSecondMax: 5 });
    const asking = dialler(await node("node-1"));
    const answers: unknown[] = [];
    for (let n = 0; n < 12; n += 1) answers.push(await asking.ask(asked.as, question("node-1", asked.as), 5_000));
    expect(answers.filter((answer) => answer === null).length).toBeGreaterThan(0);
    expect(said.some((line) => line.includes("asks more than 5 times a second: ask less often"))).toBe(true);
    await waitFor("an answer again", () => asking.ask(asked.as, question("node-1", asked.as), 5_000));
  });

  test("connections that prove nothing are bounded by address and closed when they stall", async () => {
    const asked = await voter("node-2", { unprovenPerAddressMax: 3, handshakeMs: 500 });
    const sockets = Array.from({ length: 5 }, () => connectTcp(port(asked.as.peerAddress), "127.0.0.1"));
    for (const socket of sockets) socket.on("error", () => undefined);
    ends.push(() => {
      for (const socket of sockets) socket.destroy();
    });
    await waitFor("the surplus closed", () => sockets.filter((socket) => socket.closed).length === 2);
    await waitFor("the stalled closed", () => sockets.every((socket) => socket.closed));
    expect(asked.plane.open.askers).toBe(0);
    expect(await dialler(await node("node-1")).ask(asked.as, question("node-1", asked.as), 5_000)).not.toBeNull();
  });

  test("no more connections than the bound are open", async () => {
    const asked = await voter("node-2", { connectionsMax: 2 });
    for (const name of ["node-1", "node-3"]) {
      expect(await dialler(await node(name)).ask(asked.as, question(name, asked.as), 5_000)).not.toBeNull();
    }
    expect(await dialler(await node("node-4")).ask(asked.as, question("node-4", asked.as), 1_000)).toBeNull();
    expect(asked.plane.open.askers).toBe(2);
  });

  test("a connection without questions is closed after a while, at both ends", async () => {
    const asked = await voter("node-2", { idleMs: 500 });
    const asking = dialler(await node("node-1"));
    await asking.ask(asked.as, question("node-1", asked.as), 5_000);
    await waitFor("it closed", () => asked.plane.open.askers === 0);
    expect(await asking.ask(asked.as, question("node-1", asked.as), 5_000)).not.toBeNull();
  });
});

describe("the address of the peer plane", () => {
  test("that another listens at is refused with the next step", async () => {
    const first = await voter("node-2");
    const credentials = await node("node-3");
    const again = plane(() => credentials, {}, { host: "127.0.0.1", port: port(first.as.peerAddress) });
    await expect(again).rejects.toThrow(
      /the peer plane cannot listen on 127\.0\.0\.1:\d+: another agent or program listens there.*--peer-listen/,
    );
  });

  test("that is not this host's is refused with the next step", async () => {
    const credentials = await node("node-3");
    await expect(plane(() => credentials, {}, { host: "192.0.2.1", port: 7_446 })).rejects.toThrow(
      /not one of this host.*--peer-address/,
    );
  });

  test("is the node's own where it listens everywhere, and the kept port unless another has it", async () => {
    const credentials = await node("node-3");
    const every = { host: "0.0.0.0", port: 0 };
    const first = await plane(() => credentials, {}, every);
    expect(first.address).toMatch(/^127\.0\.0\.1:\d+$/);
    const second = await plane(() => credentials, {}, every);
    expect(second.address).not.toBe(first.address);
    await first.close();
    await second.close();
    expect((await plane(() => credentials, {}, every)).address).toBe(second.address);
  });
});

/** Why a connection was closed. */
function closed(socket: TLSSocket): Promise<string> {
  return new Promise((resolve) => {
    let reason = "";
    socket.on("error", (error) => {
      reason = `${error.message} ${(error as NodeJS.ErrnoException).code}`;
    });
    socket.once("close", () => resolve(reason));
    socket.resume();
  });
}
