import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import https from "node:https";
import { connect as connectPlain } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import tls from "node:tls";
import { createClient, type Interceptor } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { NodeService } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { pino } from "pino";
import { afterAll, beforeAll, expect, test } from "vitest";
import { CertificateAuthority } from "../agents/pki/certificate-authority.ts";
import type { RandomSource } from "../agents/random-source.ts";
import { ManualClock } from "../runtime/manual-clock.ts";
import { systemClock } from "../runtime/system-clock.ts";
import { AGE_LOOK_MS, CertificateFiles, FILES_LOOK_MS, OwnCertificate } from "./public-certificate.ts";
import { ADMIN, type PublicPlaneRig, startPublicPlaneRig } from "./public-plane-rig.ts";

const random: RandomSource = {
  bytes: (count) => crypto.getRandomValues(new Uint8Array(count)),
  uuid: () => crypto.randomUUID(),
};

/** A clock that can be moved to the next look, and on once that is over and the one after it is planned. */
class LookClock extends ManualClock {
  planned = 0;

  override schedule(delayMs: number, callback: () => void): () => void {
    this.planned += 1;
    const cancel = super.schedule(delayMs, callback);
    return () => {
      this.planned -= 1;
      cancel();
    };
  }

  async look(afterMs: number): Promise<void> {
    const before = this.planned;
    let moved = false;
    await this.advance(afterMs, async () => {
      if (moved) await expect.poll(() => this.planned, { interval: 1 }).toBe(before + 1);
      moved = true;
    });
  }
}
const log = pino({ level: "silent" });
let folder: string;
let authority: CertificateAuthority;
let rig: PublicPlaneRig;
let port: number;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lormas-public-tls-"));
  authority = await CertificateAuthority.open(folder, systemClock, random);
  rig = await startPublicPlaneRig({
    certificate: new OwnCertificate(authority, ["lormas.example.org"], systemClock, log),
  });
  port = Number(new URL(rig.plane.url).port);
});
afterAll(async () => {
  await rig?.close();
  await rm(folder, { recursive: true, force: true });
});

type Reply = { status: number; headers: Record<string, string | string[] | undefined>; body: string };
const call = (path: string, options: https.RequestOptions = {}, body = ""): Promise<Reply> =>
  new Promise((resolve, reject) => {
    const request = https.request({ host: "127.0.0.1", port, path, ca: authority.caPem, agent: false, ...options });
    request.once("error", reject);
    request.once("response", (response) => {
      let text = "";
      response.on("data", (chunk) => (text += String(chunk)));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }));
    });
    request.end(body);
  });

const handshake = (options: tls.ConnectionOptions): Promise<tls.TLSSocket> =>
  new Promise((resolve, reject) => {
    const socket = tls.connect({ host: "127.0.0.1", port, ca: authority.caPem, ...options }, () => resolve(socket));
    socket.once("error", reject);
  });

test("Connect over HTTP/1.1 and HTTP/2, and gRPC, work on the one port", async () => {
  expect(rig.plane.url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
  const signIn: Interceptor = (next) => (request) => {
    request.header.set("authorization", `Bearer ${rig.token}`);
    return next(request);
  };
  const options = { baseUrl: rig.plane.url, interceptors: [signIn], nodeOptions: { ca: authority.caPem } };
  for (const transport of [
    createConnectTransport({ ...options, httpVersion: "1.1" }),
    createConnectTransport({ ...options, httpVersion: "2" }),
    createGrpcTransport(options),
  ]) {
    expect((await createClient(NodeService, transport).listNodes({})).nodes).toHaveLength(2);
  }
});

test("ALPN says which HTTP it is, TLS 1.1 is refused, and plain text gets no answer", async () => {
  for (const [offered, taken] of [
    [["h2", "http/1.1"], "h2"],
    [["http/1.1"], "http/1.1"],
  ] as const) {
    const socket = await handshake({ ALPNProtocols: [...offered] });
    expect(socket.alpnProtocol).toBe(taken);
    socket.destroy();
  }
  const old = { minVersion: "TLSv1.1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" } as const;
  await expect(handshake(old)).rejects.toThrow();
  (await handshake({ maxVersion: "TLSv1.2" })).destroy();
  const answer = await new Promise<string>((resolve) => {
    const socket = connectPlain(port, "127.0.0.1", () => socket.write("GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n"));
    let text = "";
    socket.on("data", (chunk) => (text += chunk.toString("latin1")));
    socket.on("error", () => {});
    socket.on("close", () => resolve(text));
  });
  expect(answer).not.toContain("HTTP/1.1");
});

test("browsers are told to come back over TLS alone, except to this machine's own names", async () => {
  const named = await call("/health/live", { headers: { host: "lormas.example.org" } });
  expect([named.status, named.headers["strict-transport-security"]]).toEqual([200, "max-age=31536000"]);
  const local = await call("/health/live", { headers: { host: `localhost:${port}` } });
  expect(local.headers["strict-transport-security"]).toBeUndefined();
});

test("the session's cookie travels over TLS alone, and signs in", async () => {
  const body = JSON.stringify(ADMIN);
  const headers = { "content-type": "application/json", origin: rig.plane.url };
  const signedIn = await call("/api/auth/sign-in/email", { method: "POST", headers }, body);
  expect(signedIn.status, signedIn.body).toBe(200);
  const [cookie = ""] = signedIn.headers["set-cookie"] ?? [];
  expect(cookie).toMatch(/^__Secure-lormas\.session_token=.*; Secure/);
  expect(cookie).toMatch(/HttpOnly/);
  const session = cookie.split(";", 1)[0] ?? "";
  expect((await call("/api/auth/get-session", { headers: { cookie: session } })).body).toContain(ADMIN.email);
});

test("without a certificate there is neither HSTS nor a cookie for TLS alone", async () => {
  const plain = await startPublicPlaneRig();
  try {
    const live = await fetch(`${plain.plane.url}/health/live`);
    expect(live.headers.get("strict-transport-security")).toBeNull();
    const headers = { "content-type": "application/json", origin: plain.plane.url };
    const answer = await fetch(`${plain.plane.url}/api/auth/sign-in/email`, {
      ...{ method: "POST", headers, body: JSON.stringify(ADMIN) },
    });
    expect(answer.headers.getSetCookie()[0]).toMatch(/^lormas\.session_token=/);
  } finally {
    await plain.close();
  }
});

const serial = async (): Promise<string> => {
  const socket = await handshake({});
  const { serialNumber } = socket.getPeerCertificate();
  socket.destroy();
  return serialNumber;
};

test("certificate files that change are used within 5 s, and a pair that does not fit is not", async () => {
  const [certFile, keyFile] = [join(folder, "public.pem"), join(folder, "public.key")];
  const put = async (cert: string, key: string): Promise<void> => {
    await writeFile(`${certFile}.new`, cert);
    await writeFile(`${keyFile}.new`, key);
    await rename(`${certFile}.new`, certFile);
    await rename(`${keyFile}.new`, keyFile);
  };
  const [one, two, three] = await Promise.all([1, 2, 3].map(() => authority.issueServer([])));
  if (one === undefined || two === undefined || three === undefined) throw new Error("no certificates");
  await put(one.chainPem, one.keyPem);
  const clock = new LookClock();
  const files = new CertificateFiles({ certFile, keyFile }, clock, log);
  const used: string[] = [(await files.open()).cert];
  const stop = files.follow(({ cert }) => used.push(cert));
  const look = () => clock.look(FILES_LOOK_MS);
  await look();
  expect(used).toEqual([one.chainPem]);
  await put(two.chainPem, three.keyPem);
  await look();
  expect(used).toEqual([one.chainPem]);
  await put(two.chainPem, two.keyPem);
  await look();
  expect(used).toEqual([one.chainPem, two.chainPem]);
  await rm(keyFile);
  await look();
  expect(used).toHaveLength(2);
  const planned = clock.planned;
  stop();
  expect(clock.planned).toBe(planned - 1);
  await expect(files.open()).rejects.toThrow(/public\.key.*LORMAS_PUBLIC_TLS_CERT_FILE/s);
});

test("a new certificate is for new connections, and needs no restart", async () => {
  let use: ((pair: { cert: string; key: string }) => void) | undefined;
  const own = new OwnCertificate(authority, [], systemClock, log);
  const certificate = {
    open: () => own.open(),
    follow: (callback: typeof use & {}) => {
      use = callback;
      return () => {};
    },
  };
  const other = await startPublicPlaneRig({ certificate });
  const before = port;
  port = Number(new URL(other.plane.url).port);
  try {
    const first = await serial();
    const kept = await handshake({});
    const { chainPem, keyPem } = await authority.issueServer([]);
    use?.({ cert: chainPem, key: keyPem });
    expect(await serial()).not.toBe(first);
    expect(kept.destroyed).toBe(false);
    kept.destroy();
  } finally {
    port = before;
    await other.close();
  }
});

test("our own certificate is made anew when half of its life is over", async () => {
  const clock = new LookClock();
  const issuer = await CertificateAuthority.open(join(folder, "other"), clock, random);
  const own = new OwnCertificate(issuer, ["lormas.example.org"], clock, log);
  await own.open();
  const used: string[] = [];
  const stop = own.follow(({ cert }) => used.push(cert));
  for (let hours = 0; hours < 24 * 46; hours += 1) {
    await clock.look(AGE_LOOK_MS);
    if (hours === 24 * 44) expect(used).toEqual([]);
  }
  expect(used).toHaveLength(1);
  stop();
});
