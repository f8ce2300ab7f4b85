import "reflect-metadata";
import { createHash, webcrypto } from "node:crypto";
import {
  BasicConstraintsExtension,
  cryptoProvider,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type JsonGeneralNames,
  PemConverter,
  Pkcs10CertificateRequest,
  SubjectAlternativeNameExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";
import type { Credentials } from "./credentials.ts";

cryptoProvider.set(webcrypto);

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

/** A certificate authority of a test's own, which issues what a fleet's would. */
export class TestAuthority {
  readonly #nowMs: () => number;
  readonly #certificate: X509Certificate;
  readonly #keys: webcrypto.CryptoKeyPair;
  #serial = 16;

  private constructor(nowMs: () => number, certificate: X509Certificate, keys: webcrypto.CryptoKeyPair) {
    this.#nowMs = nowMs;
    this.#certificate = certificate;
    this.#keys = keys;
  }

  static async create(nowMs: () => number): Promise<TestAuthority> {
    const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
    const certificate = await X509CertificateGenerator.createSelfSigned({
      serialNumber: "01",
      name: "CN=test CA",
      notBefore: new Date(nowMs() - 60_000),
      notAfter: new Date(nowMs() + 86_400_000),
      signingAlgorithm: ALGORITHM,
      keys,
      extensions: [new BasicConstraintsExtension(true, 0, true)],
    });
    return new TestAuthority(nowMs, certificate, keys);
  }

  get pem(): string {
    return this.#certificate.toString("pem");
  }

  /** SHA-256 of the certificate, in hex, as a join token carries it. */
  get digest(): string {
    return createHash("sha256").update(Buffer.from(this.#certificate.rawData)).digest("hex");
  }

  /** The coordinator's certificate, with its key. */
  async server(): Promise<{ pem: string; keyPem: string }> {
    const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
    const names: JsonGeneralNames = [{ type: "dns", value: "lormas-coordinator" }];
    const pem = await this.#issue("CN=lormas-coordinator", keys.publicKey, 86_000_000, names);
    return { pem, keyPem: await keyPem(keys) };
  }

  /** The name that a certificate request asks for. Throws when the request is not signed by its key. */
  async requestedName(csr: Uint8Array): Promise<string> {
    const request = new Pkcs10CertificateRequest(csr as Uint8Array<ArrayBuffer>);
    if (!(await request.verify())) throw new Error("the request is not signed by its key");
    return request.subject.replace(/^CN=/, "");
  }

  /** A node's certificate over the key of a request. */
  async node(csr: Uint8Array, nodeId: string, lifeMs: number): Promise<string> {
    const request = new Pkcs10CertificateRequest(csr as Uint8Array<ArrayBuffer>);
    const names: JsonGeneralNames = [{ type: "url", value: `lormas://node/${nodeId}` }];
    return this.#issue(request.subject, await request.publicKey.export(), lifeMs, names);
  }

  /** All that a node has after its enrolment. */
  async credentials(nodeId: string, nodeName: string, lifeMs = 3_600_000): Promise<Credentials> {
    const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
    const names: JsonGeneralNames = [{ type: "url", value: `lormas://node/${nodeId}` }];
    const certificatePem = await this.#issue(`CN=${nodeName}`, keys.publicKey, lifeMs, names);
    return { nodeId, nodeName, clusterName: "local", keyPem: await keyPem(keys), certificatePem, caPem: this.pem };
  }

  async #issue(
    subject: string,
    publicKey: webcrypto.CryptoKey,
    lifeMs: number,
    names: JsonGeneralNames,
  ): Promise<string> {
    this.#serial += 1;
    const certificate = await X509CertificateGenerator.create({
      serialNumber: this.#serial.toString(16),
      subject,
      issuer: this.#certificate.subject,
      notBefore: new Date(this.#nowMs() - 1_000),
      notAfter: new Date(this.#nowMs() + lifeMs),
      signingAlgorithm: ALGORITHM,
      publicKey,
      signingKey: this.#keys.privateKey,
      extensions: [
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
        new SubjectAlternativeNameExtension(names),
      ],
    });
    return certificate.toString("pem");
  }
}

async function keyPem(keys: webcrypto.CryptoKeyPair): Promise<string> {
  return PemConverter.encode(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey), "PRIVATE KEY");
}
