import { createHash, X509Certificate } from "node:crypto";

/** The certificates in a text that may hold several (PEM), each by itself. */
export function splitCertificates(text: string): string[] {
  return text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
}

/** What an authority goes by: SHA-256 of its certificate (DER), hex. */
export function authorityId(certificate: X509Certificate): string {
  return createHash("sha256").update(certificate.raw).digest("hex");
}

/** The authorities in a text of certificates (PEM). Throws when one cannot be read. */
export function readAuthorities(text: string): X509Certificate[] {
  return splitCertificates(text).map((pem) => new X509Certificate(pem));
}

/** The one of these authorities that has signed a certificate; undefined: none has. */
export function issuerOf(
  certificate: X509Certificate,
  authorities: readonly X509Certificate[],
): X509Certificate | undefined {
  return authorities.find((one) => certificate.checkIssued(one) && certificate.verify(one.publicKey));
}
