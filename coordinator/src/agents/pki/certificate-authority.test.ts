import { createHash, randomBytes, X509Certificate } from "node:crypto";
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { steppedClock, testRandom } from "../plane-rig.ts";
import { certificateRequest, testUuid } from "../test-agent.ts";
import { BadCertificateRequest, CertificateAuthority, NODE_LIFE_MS } from "./certificate-authority.ts";

const DAY_MS = 86_400_000;
let dataDir = "";
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "lormas-pki-"));
});
afterEach(async () => rm(dataDir, { recursive: true, force: true }));

const open = (clock = steppedClock()) => CertificateAuthority.open(dataDir, clock, testRandom);

test("the authority is made once, with mode 0600 and no draft left, and is the same after a restart", async () => {
  const first = await open();
  const second = await open();
  expect(second.caPem).toBe(first.caPem);
  expect(first.caDigestHex).toBe(createHash("sha256").update(new X509Certificate(first.caPem).raw).digest("hex"));
  const files = await readdir(join(dataDir, "pki"));
  expect(files.sort()).toEqual(["ca-certificate.pem", "ca-key.pem"]);
  for (const file of files) expect((await stat(join(dataDir, "pki", file))).mode & 0o777).toBe(0o600);
  expect(first.certificate.ca).toBe(true);
  expect(first.certificate.validToDate.getTime() - Date.now()).toBeGreaterThan(3_640 * DAY_MS);
});

test("two starts at once agree on one authority", async () => {
  const [one, other] = await Promise.all([open(), open()]);
  expect(one?.caPem).toBe(other?.caPem);
  expect(await readFile(join(dataDir, "pki", "ca-certificate.pem"), "utf8")).toBe(one?.caPem);
});

test("a start that was killed between key and certificate is finished by the next", async () => {
  await open();
  const key = await readFile(join(dataDir, "pki", "ca-key.pem"), "utf8");
  await rm(join(dataDir, "pki", "ca-certificate.pem"));
  await open();
  expect(await readFile(join(dataDir, "pki", "ca-key.pem"), "utf8")).toBe(key);
});

test("a lost, foreign or broken key stops the start with what to do, and changes nothing", async () => {
  await open();
  const path = join(dataDir, "pki", "ca-key.pem");
  await rm(path);
  await expect(open()).rejects.toThrow(/ca-key\.pem is missing .* backup/s);
  expect(await readdir(join(dataDir, "pki"))).toEqual(["ca-certificate.pem"]);
  const { keyPem } = await certificateRequest();
  await writeFile(path, keyPem, { mode: 0o600 });
  await expect(open()).rejects.toThrow(/does not belong to/);
  await writeFile(path, "nothing");
  await chmod(path, 0o600);
  await expect(open()).rejects.toThrow(/cannot be read as an ECDSA P-256 key/);
});

test("two authorities differ in subject and serial", async () => {
  const one = await open();
  await rm(join(dataDir, "pki"), { recursive: true });
  const other = await open();
  expect(other.certificate.subject).not.toBe(one.certificate.subject);
  expect(other.certificate.serialNumber).not.toBe(one.certificate.serialNumber);
});

test("a node certificate carries our names, the request's key, both usages and 30 days", async () => {
  const authority = await open();
  const nodeId = testUuid();
  const { csr } = await certificateRequest("lormas-coordinator");
  const issued = await authority.issueNode(csr, { nodeId, nodeName: "node-1" });
  const certificate = new X509Certificate(issued.certificatePem);
  expect(certificate.verify(authority.certificate.publicKey)).toBe(true);
  expect(certificate.subject).toBe("CN=node-1");
  expect(certificate.subjectAltName).toBe(`URI:lormas://node/${nodeId}`);
  expect(certificate.ca).toBe(false);
  expect([...(certificate.keyUsage ?? [])].sort()).toEqual(["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"]);
  expect(certificate.serialNumber.toLowerCase()).toBe(issued.serial);
  expect(certificate.validToDate.getTime()).toBe(issued.notAfterMs);
  expect(Math.abs(issued.notAfterMs - Date.now() - NODE_LIFE_MS)).toBeLessThan(60_000);
});

test("no certificate outlives the authority", async () => {
  const clock = steppedClock();
  const authority = await open(clock);
  clock.offsetMs = 3_649 * DAY_MS;
  const { csr } = await certificateRequest();
  const { notAfterMs } = await authority.issueNode(csr, { nodeId: testUuid(), nodeName: "node-1" });
  expect(notAfterMs).toBe(authority.certificate.validToDate.getTime());
});

test("a request that is not signed by its key, is garbage or has another kind of key is refused", async () => {
  const authority = await open();
  const node = { nodeId: testUuid(), nodeName: "node-1" };
  const { csr } = await certificateRequest();
  const forged = Uint8Array.from(csr);
  forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
  await expect(authority.issueNode(forged, node)).rejects.toThrow(BadCertificateRequest);
  await expect(authority.issueNode(Uint8Array.from(randomBytes(200)), node)).rejects.toThrow(/cannot be read/);
  const rsa = await certificateRequest("any", {
    ...{ name: "RSASSA-PKCS1-v1_5", hash: "SHA-256", modulusLength: 2_048 },
    publicExponent: new Uint8Array([1, 0, 1]),
  });
  await expect(authority.issueNode(rsa.csr, node)).rejects.toThrow(/of another kind/);
});

test("the server's certificate names every host it is asked for and comes with the authority's", async () => {
  const authority = await open();
  const { chainPem } = await authority.issueServer(["fleet.example", "192.0.2.7"]);
  const [leaf = "", ca = ""] = chainPem.split(/(?<=-----END CERTIFICATE-----)\s*/);
  const names = new X509Certificate(leaf).subjectAltName ?? "";
  const hosts = ["DNS:lormas-coordinator", "DNS:localhost", "DNS:fleet.example", "IP Address:127.0.0.1"];
  for (const host of [...hosts, "IP Address:192.0.2.7", "IP Address:0:0:0:0:0:0:0:1"]) expect(names).toContain(host);
  expect(new X509Certificate(ca).fingerprint256).toBe(authority.certificate.fingerprint256);
});
