import "reflect-metadata";
import { createHash, createPrivateKey, createPublicKey, type webcrypto, X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { join } from "node:path";
import { splitCertificates } from "@lormas/wire/authority-list.ts";
import { nodeUri } from "@lormas/wire/node-uri.ts";
import * as x509 from "@peculiar/x509";
import type { Clock } from "../../runtime/clock.ts";
import type { RandomSource } from "../random-source.ts";
import { putOnce, readIfPresent } from "./authority-files.ts";

const DAY_MS = 86_400_000;
const CA_LIFE_MS = 3_650 * DAY_MS;
/** How long a server certificate lives; the plane makes a new one long before. */
export const SERVER_LIFE_MS = 90 * DAY_MS;
/** How long a node certificate lives. */
export const NODE_LIFE_MS = 30 * DAY_MS;
/** Certificates begin this much before now, for agents whose wall clocks are late. */
const BACKDATED_MS = 300_000;

const EC = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const CURVES = ["P-256", "P-384"];

/** A certificate request that cannot be granted; the message names the reason and the next step. */
export class BadCertificateRequest extends Error {
  override readonly name = "BadCertificateRequest";
}

export type IssuedNodeCertificate = {
  readonly certificatePem: string;
  readonly serial: string;
  readonly notAfterMs: number;
};

export type IssuedServerCertificate = {
  /** The server's certificate and the CA's, so that an agent finds the CA in the chain and compares its digest. */
  readonly chainPem: string;
  readonly keyPem: string;
  readonly notAfterMs: number;
};

/**
 * Our own certificate authority. Its key and certificate lie in <data dir>/pki (mode 0600), are made at the first start
 * and never written over: every node and every join token depends on them.
 */
export class CertificateAuthority {
  /** The certificate, and nothing else. */
  readonly caPem: string;
  /** The key, PKCS #8 in PEM. */
  readonly keyPem: string;
  /** SHA-256 of the certificate's DER, hex; part of every join token. */
  readonly caDigestHex: string;
  readonly certificate: X509Certificate;
  readonly #issuer: string;
  readonly #keys: webcrypto.CryptoKeyPair;
  readonly #notBeforeMs: number;
  readonly #notAfterMs: number;
  readonly #clock: Clock;
  readonly #random: Pick<RandomSource, "bytes">;

  private constructor(
    caPem: string,
    keyPem: string,
    keys: webcrypto.CryptoKeyPair,
    clock: Clock,
    random: Pick<RandomSource, "bytes">,
  ) {
    this.caPem = caPem;
    this.keyPem = keyPem;
    this.certificate = new X509Certificate(caPem);
    this.caDigestHex = createHash("sha256").update(this.certificate.raw).digest("hex");
    this.#issuer = new x509.X509Certificate(caPem).subject;
    this.#keys = keys;
    this.#notBeforeMs = this.certificate.validFromDate.getTime();
    this.#notAfterMs = this.certificate.validToDate.getTime();
    this.#clock = clock;
    this.#random = random;
  }

  /** Reads the authority of a data directory, or makes it. Rejects when only half of it is there or the halves differ. */
  static async open(dataDir: string, clock: Clock, random: Pick<RandomSource, "bytes">): Promise<CertificateAuthority> {
    x509.cryptoProvider.set(crypto);
    const folder = join(dataDir, "pki");
    const keyPath = join(folder, "ca-key.pem");
    const certificatePath = join(folder, "ca-certificate.pem");
    const mark = Buffer.from(random.bytes(8)).toString("hex");
    // Behind it may be others, which are trusted as well.
    const present = firstCertificate(await readIfPresent(certificatePath));
    let keyPem = await readIfPresent(keyPath);
    if (present !== null && keyPem === null) {
      throw new Error(
        `${keyPath} is missing although ${certificatePath} exists: put the key back from a backup, or move the ` +
          "certificate away to begin a new authority (every node must then enrol again)",
      );
    }
    keyPem ??= await putOnce(folder, "ca-key.pem", await newKeyPem(), mark);
    const keys = await importKeys(keyPem, keyPath);
    const caPem = present ?? (await putOnce(folder, "ca-certificate.pem", await selfSign(keys, clock, random), mark));
    const certificate = parseAuthority(caPem, certificatePath);
    if (!certificate.checkPrivateKey(createPrivateKey(keyPem))) {
      throw new Error(`${keyPath} does not belong to ${certificatePath}: put both back from the same backup`);
    }
    return new CertificateAuthority(caPem, keyPem, keys, clock, random);
  }

  /** A new authority, which is kept nowhere yet. */
  static async make(clock: Clock, random: Pick<RandomSource, "bytes">): Promise<CertificateAuthority> {
    x509.cryptoProvider.set(crypto);
    const keyPem = await newKeyPem();
    const keys = await importKeys(keyPem, "the new key");
    return new CertificateAuthority(await selfSign(keys, clock, random), keyPem, keys, clock, random);
  }

  /** An authority that is kept elsewhere. Rejects when the two do not belong together. */
  static async of(
    { caPem, keyPem }: { readonly caPem: string; readonly keyPem: string },
    clock: Clock,
    random: Pick<RandomSource, "bytes">,
  ): Promise<CertificateAuthority> {
    x509.cryptoProvider.set(crypto);
    const certificate = parseAuthority(caPem, "the authority's certificate");
    const keys = await importKeys(keyPem, "the authority's key");
    if (!certificate.checkPrivateKey(createPrivateKey(keyPem))) throw new Error("the key is another authority's");
    return new CertificateAuthority(caPem, keyPem, keys, clock, random);
  }

  /**
   * A node certificate for the key of a certificate request (DER). Nothing but the key is taken from the request; it
   * must be signed by that key. Throws BadCertificateRequest.
   */
  async issueNode(csrDer: Uint8Array, node: { nodeId: string; nodeName: string }): Promise<IssuedNodeCertificate> {
    const publicKey = await provenKey(csrDer);
    const serial = this.#serial();
    const notAfterMs = this.#end(NODE_LIFE_MS);
    const certificate = await this.#sign(publicKey, serial, node.nodeName, notAfterMs, [
      { type: "url", value: nodeUri(node.nodeId) },
    ]);
    return { certificatePem: certificate, serial, notAfterMs };
  }

  /** A server certificate with a key of its own, for the given host names and addresses besides our fixed ones. */
  async issueServer(hosts: readonly string[]): Promise<IssuedServerCertificate> {
    const keys = await crypto.subtle.generateKey(EC, true, ["sign", "verify"]);
    const names = new Set(["lormas-coordinator", "localhost", "127.0.0.1", "::1", ...hosts]);
    const notAfterMs = this.#end(SERVER_LIFE_MS);
    const certificate = await this.#sign(
      keys.publicKey,
      this.#serial(),
      "lormas-coordinator",
      notAfterMs,
      [...names].map((name) => ({ type: isIP(name) === 0 ? "dns" : "ip", value: name })),
    );
    return { chainPem: `${certificate}\n${this.caPem}`, keyPem: await exportPem(keys.privateKey), notAfterMs };
  }

  async #sign(
    publicKey: webcrypto.CryptoKey,
    serialNumber: string,
    commonName: string,
    notAfterMs: number,
    names: x509.JsonGeneralNames,
  ): Promise<string> {
    const nowMs = this.#clock.wallMs();
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber,
      subject: [{ CN: [commonName] }],
      issuer: this.#issuer,
      notBefore: new Date(Math.max(nowMs - BACKDATED_MS, this.#notBeforeMs)),
      notAfter: new Date(notAfterMs),
      signingAlgorithm: EC,
      publicKey,
      signingKey: this.#keys.privateKey,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
        new x509.SubjectAlternativeNameExtension(names),
        await x509.AuthorityKeyIdentifierExtension.create(this.#keys.publicKey),
      ],
    });
    return certificate.toString("pem");
  }

  #end(lifeMs: number): number {
    // Certificates know whole seconds only.
    return Math.floor(Math.min(this.#clock.wallMs() + lifeMs, this.#notAfterMs) / 1_000) * 1_000;
  }

  #serial(): string {
    return randomSerial(this.#random);
  }
}

/** 127 random bits, positive and never short, so that two certificates never share one. */
function randomSerial(random: Pick<RandomSource, "bytes">): string {
  const bytes = Buffer.from(random.bytes(16));
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString("hex");
}

async function selfSign(
  keys: webcrypto.CryptoKeyPair,
  clock: Clock,
  random: Pick<RandomSource, "bytes">,
): Promise<string> {
  const nowMs = clock.wallMs();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: randomSerial(random),
    // The random part keeps the subjects of two authorities apart, so that nobody takes one for the other by name.
    name: [{ CN: [`Lormas CA ${Buffer.from(random.bytes(8)).toString("hex")}`] }],
    notBefore: new Date(nowMs - BACKDATED_MS),
    notAfter: new Date(nowMs + CA_LIFE_MS),
    signingAlgorithm: EC,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return certificate.toString("pem");
}

/** SHA-256 of the public key (DER) that a request names, which need not be proven yet. Throws BadCertificateRequest. */
export function requestedKeyDigest(csrDer: Uint8Array): Buffer {
  try {
    const { publicKey } = new x509.Pkcs10CertificateRequest(Uint8Array.from(csrDer));
    return createHash("sha256").update(new Uint8Array(publicKey.rawData)).digest();
  } catch (error) {
    throw unreadable(error);
  }
}

/** Rejects with BadCertificateRequest unless the request is of a kind that is signed, and by its own key. */
export async function provenRequest(csrDer: Uint8Array): Promise<void> {
  await provenKey(csrDer);
}

const unreadable = (cause: unknown) =>
  new BadCertificateRequest("the certificate request cannot be read: send PKCS #10 in DER", { cause });

/** The key of a request that is signed by it: who sends the request holds the private half. */
async function provenKey(csrDer: Uint8Array): Promise<webcrypto.CryptoKey> {
  let request: x509.Pkcs10CertificateRequest;
  let proven: boolean;
  try {
    request = new x509.Pkcs10CertificateRequest(Uint8Array.from(csrDer));
    const curve = "namedCurve" in request.publicKey.algorithm ? request.publicKey.algorithm.namedCurve : undefined;
    if (typeof curve !== "string" || !CURVES.includes(curve)) {
      throw new BadCertificateRequest("the certificate request's key is of another kind: make an ECDSA P-256 key");
    }
    proven = await request.verify();
  } catch (error) {
    if (error instanceof BadCertificateRequest) throw error;
    throw unreadable(error);
  }
  if (!proven) {
    throw new BadCertificateRequest("the certificate request is not signed by its own key: make a new request");
  }
  return await request.publicKey.export();
}

async function newKeyPem(): Promise<string> {
  const keys = await crypto.subtle.generateKey(EC, true, ["sign", "verify"]);
  return await exportPem(keys.privateKey);
}

async function exportPem(key: webcrypto.CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await crypto.subtle.exportKey("pkcs8", key), "PRIVATE KEY");
}

async function importKeys(keyPem: string, path: string): Promise<webcrypto.CryptoKeyPair> {
  try {
    const key = createPrivateKey(keyPem);
    const spki = createPublicKey(key).export({ type: "spki", format: "der" });
    const pkcs8 = key.export({ type: "pkcs8", format: "der" });
    return {
      privateKey: await crypto.subtle.importKey("pkcs8", Uint8Array.from(pkcs8), EC, false, ["sign"]),
      publicKey: await crypto.subtle.importKey("spki", Uint8Array.from(spki), EC, true, ["verify"]),
    };
  } catch (error) {
    throw new Error(`${path} cannot be read as an ECDSA P-256 key in PEM: put it back from a backup`, { cause: error });
  }
}

function firstCertificate(text: string | null): string | null {
  return text === null ? null : (splitCertificates(text)[0] ?? text);
}

function parseAuthority(pem: string, path: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (error) {
    throw new Error(`${path} cannot be read as a certificate in PEM: put it back from a backup`, { cause: error });
  }
}
