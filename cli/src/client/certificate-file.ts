import { X509Certificate } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { CliFailure } from "../cli-failure.ts";
import { exitCode } from "../exit-code.ts";

/** Bytes of one file of certificates. */
const BYTES_MAX = 256 * 1024;

/** The certificates (PEM) of a file, which alone are believed. A CliFailure when it holds none. */
export function readCertificates(path: string): string {
  try {
    if (statSync(path).size > BYTES_MAX) throw new Error(`it is larger than ${BYTES_MAX} bytes`);
    const text = readFileSync(path, "utf8");
    const certificates = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
    if (certificates.length === 0) throw new Error("it holds no certificate in PEM");
    for (const certificate of certificates) new X509Certificate(certificate);
    // Only the certificates: a key that stands beside them is none of ours.
    return `${certificates.join("\n")}\n`;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CliFailure(
      exitCode.usage,
      `the certificate authority cannot be read from ${path}: ${reason}`,
      "give a file with one or more certificates in PEM: --ca-file FILE (LORMAS_CA_FILE)",
      error,
    );
  }
}
