import { X509Certificate } from "node:crypto";
import { issuerOf } from "./authority-list.ts";
import { nodeIdOfNames } from "./node-uri.ts";

const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";

export type NodeCertificate =
  | { readonly kind: "node"; readonly nodeId: string; readonly notAfterMs: number }
  | { readonly kind: "foreign"; readonly reason: string }
  | { readonly kind: "ended"; readonly reason: string };

/**
 * Which node a peer's certificate (DER) proves, by our own check and not by the TLS library's word: signed by the key of one of
 * our authorities, a client certificate that is no CA, within its dates, with a node's name as its only name.
 */
export function readNodeCertificate(
  der: Uint8Array,
  authorities: readonly X509Certificate[],
  nowMs: number,
): NodeCertificate {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(der);
  } catch {
    return { kind: "foreign", reason: "the certificate cannot be read" };
  }
  if (issuerOf(certificate, authorities) === undefined) {
    return { kind: "foreign", reason: "the certificate was not issued by this fleet's authority" };
  }
  if (certificate.ca || !(certificate.keyUsage ?? []).includes(CLIENT_AUTH)) {
    return { kind: "foreign", reason: "the certificate is not made for a node" };
  }
  const nodeId = nodeIdOfNames(certificate.subjectAltName);
  if (nodeId === null) return { kind: "foreign", reason: "the certificate names no node" };
  const notAfterMs = certificate.validToDate.getTime();
  if (nowMs < certificate.validFromDate.getTime()) {
    return { kind: "ended", reason: `the certificate begins at ${certificate.validFromDate.toISOString()}` };
  }
  if (nowMs >= notAfterMs) {
    return { kind: "ended", reason: `the certificate ended at ${certificate.validToDate.toISOString()}` };
  }
  return { kind: "node", nodeId, notAfterMs };
}
