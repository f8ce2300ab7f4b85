import { randomBytes } from "node:crypto";
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { afterEach, expect, test } from "vitest";
import { PlaneRig } from "./plane-rig.ts";
import { certificateRequest, eventually, heartbeatMessage, helloMessage, testUuid } from "./test-agent.ts";

let rig: PlaneRig;
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await rig.stop();
});

/** A socket with what it has received and whether it is closed. */
function watched(socket: Socket) {
  sockets.push(socket);
  const state = { received: Buffer.alloc(0), closed: false, error: "" };
  socket.on("data", (data: Buffer) => {
    state.received = Buffer.concat([state.received, data]);
  });
  socket.on("error", (error) => {
    state.error = error.message;
  });
  socket.on("close", () => {
    state.closed = true;
  });
  return state;
}

const tcp = () => connectTcp({ host: "127.0.0.1", port: rig.port });

/** The plane still serves a whole enrolment and a heartbeat. */
async function serves() {
  const { agent } = await rig.enrolledAgent(`node-${testUuid()}`);
  const { stream, log } = agent.heartbeat();
  stream.write(helloMessage(testUuid()));
  stream.write(heartbeatMessage(1));
  await eventually("Welcome and Ack", () => log.messages.length === 2);
}

test("random bytes and plain HTTP are no TLS: the connection is closed without a word beyond a TLS alert", async () => {
  rig = await PlaneRig.start();
  const garbage = [
    randomBytes(2_000).toString("latin1"),
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
  ];
  const states = garbage.map((bytes) => {
    const socket = tcp();
    socket.write(bytes, "latin1");
    return watched(socket);
  });
  await eventually("all closed", () => states.every((state) => state.closed));
  for (const { received } of states) expect(received.length === 0 || received[0] === 21).toBe(true);
  await eventually("all counted", () => rig.plane.counters.values.handshakes_failed === 3);
  await serves();
});

test("half a handshake is closed after the handshake's time", async () => {
  rig = await PlaneRig.start({ handshakeMs: 100 });
  const silent = watched(tcp());
  const half = tcp();
  // The head of a TLS record that announces a ClientHello and never goes on.
  half.write(Buffer.from([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]));
  const begun = watched(half);
  await eventually("both closed", () => silent.closed && begun.closed);
  await serves();
});

test("TLS below 1.3 is refused", async () => {
  rig = await PlaneRig.start();
  const state = watched(
    connectTls({ host: "127.0.0.1", port: rig.port, rejectUnauthorized: false, maxVersion: "TLSv1.2" }),
  );
  await eventually("closed", () => state.closed);
  expect(state.error).not.toBe("");
});

test("garbage within TLS is closed and disturbs nobody", async () => {
  rig = await PlaneRig.start();
  const socket = connectTls({ host: "127.0.0.1", port: rig.port, rejectUnauthorized: false, ALPNProtocols: ["h2"] });
  socket.write(randomBytes(4_000));
  const state = watched(socket);
  await eventually("closed", () => state.closed);
  await serves();
});

test("connections of one address are bounded, with a line that says so", async () => {
  rig = await PlaneRig.start({ connectionsPerAddressMax: 3 });
  const held = [watched(tcp()), watched(tcp()), watched(tcp())];
  await eventually("three are open", () => rig.plane.gauges().connections === 3);
  const beyond = watched(tcp());
  await eventually("closed", () => beyond.closed);
  expect(held.some((state) => state.closed)).toBe(false);
  expect(rig.plane.counters.values.connections_refused_per_address).toBe(1);
  expect(rig.lines.map((line) => line.text)).toContain("connection refused: 3 of this address are open");
  for (const socket of sockets) socket.destroy();
  await eventually("none is open", () => rig.plane.gauges().connections === 0);
  await serves();
});

test("connections without a certificate are few for one address and do not stay; nodes are not hindered", async () => {
  rig = await PlaneRig.start({ unidentifiedPerAddressMax: 2, unidentifiedLifeMs: 300 });
  const { agent } = await rig.enrolledAgent();
  const tls = () =>
    watched(connectTls({ host: "127.0.0.1", port: rig.port, rejectUnauthorized: false, ALPNProtocols: ["h2"] }));
  const states = [tls(), tls(), tls(), tls()];
  await eventually("one refused", () => rig.plane.counters.values.connections_refused_unidentified > 0);
  const { stream, log } = agent.heartbeat();
  stream.write(helloMessage(testUuid()));
  await eventually("a Welcome", () => log.messages.length === 1);
  await eventually("all closed", () => states.every((state) => state.closed));
  expect(log.end).toBeNull();
});

test("connections of one node are bounded", async () => {
  rig = await PlaneRig.start({ connectionsPerNodeMax: 2 });
  const { identity } = await rig.enrolledAgent();
  const node = () =>
    watched(
      connectTls({
        ...{ host: "127.0.0.1", port: rig.port, rejectUnauthorized: false, ALPNProtocols: ["h2"] },
        ...{ key: identity.keyPem, cert: identity.certificatePem },
      }),
    );
  const states = [node(), node(), node()];
  await eventually("one closed", () => states.filter((state) => state.closed).length === 1);
  expect(rig.plane.counters.values.connections_refused_per_node).toBe(1);
});

test("an oversized enrolment is refused before it is read whole", async () => {
  rig = await PlaneRig.start();
  const { csr } = await certificateRequest();
  const big = new Uint8Array(1 << 20);
  await expect(rig.agent(null).enrol("x".repeat(43), "node-1", big)).rejects.toMatchObject({ code: 8 });
  await expect(rig.agent(null).enrol(await rig.joinSecret(), "node-1", csr)).resolves.toBeDefined();
});

test("a taken port stops the start with what to do", async () => {
  rig = await PlaneRig.start();
  const second = PlaneRig.start({}, rig.address);
  await expect(second).rejects.toThrow(/cannot listen on 127\.0\.0\.1:\d+ .*free it or choose another/);
});

test("the server's certificate is renewed in time, and open streams do not notice", async () => {
  rig = await PlaneRig.start();
  const { agent } = await rig.enrolledAgent();
  const { stream, log } = agent.heartbeat();
  stream.write(helloMessage(testUuid()));
  await eventually("a Welcome", () => log.messages.length === 1);
  const shown = async (): Promise<string> => {
    const socket = connectTls({ host: "127.0.0.1", port: rig.port, rejectUnauthorized: false, ALPNProtocols: ["h2"] });
    watched(socket);
    await eventually("a certificate", () => socket.getPeerCertificate()?.serialNumber !== undefined);
    return socket.getPeerCertificate().serialNumber;
  };
  const before = await shown();
  expect(await shown()).toBe(before);
  const [renew] = rig.clock.longTimers;
  renew?.();
  // Armed again once the new certificate is in use.
  await eventually("the next renewal is armed", () => rig.clock.longTimers.size === 1);
  expect(await shown()).not.toBe(before);
  stream.write(heartbeatMessage(1));
  await eventually("an Ack", () => log.messages.length === 2);
  await rig.plane.stop();
  expect(rig.clock.longTimers.size).toBe(0);
});
