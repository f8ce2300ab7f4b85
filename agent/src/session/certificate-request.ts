import "reflect-metadata";
import { webcrypto } from "node:crypto";
import { cryptoProvider, PemConverter, Pkcs10CertificateRequestGenerator } from "@peculiar/x509";

cryptoProvider.set(webcrypto);

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

/** Makes the node's key, ECDSA P-256, as PKCS #8 PEM. It never leaves this machine. */
export async function newKeyPem(): Promise<string> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  return PemConverter.encode(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey), "PRIVATE KEY");
}

/**
 * A PKCS #10 request (DER) with CN = the node's name, signed by the given key. A renewal asks with the same key, so that
 * certificate and key on disk belong together at every moment.
 */
export async function certificateRequest(nodeName: string, keyPem: string): Promise<Uint8Array> {
  const pkcs8 = PemConverter.decodeFirst(keyPem);
  const privateKey = await webcrypto.subtle.importKey("pkcs8", pkcs8, ALGORITHM, true, ["sign"]);
  const { d: _private, key_ops: _ops, ...point } = await webcrypto.subtle.exportKey("jwk", privateKey);
  const publicKey = await webcrypto.subtle.importKey("jwk", point, ALGORITHM, true, ["verify"]);
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: `CN=${nodeName}`,
    keys: { privateKey, publicKey },
    signingAlgorithm: ALGORITHM,
  });
  return new Uint8Array(request.rawData);
}
