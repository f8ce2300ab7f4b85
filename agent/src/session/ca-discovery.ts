import { createHash, timingSafeEqual, X509Certificate } from "node:crypto";
import { connect, type DetailedPeerCertificate } from "node:tls";

/** Certificates of a peer's chain that are looked at; longer chains are cut. */
const CHAIN_MAX = 8;

/**
 * Learns the fleet's CA certificate from the coordinator itself: opens a TLS connection that trusts nobody yet, looks for the
 * certificate whose SHA-256 is the token's digest in the chain that the peer shows, and checks that it signed the peer's own.
 * Answers it as PEM; from then on it alone is trusted. Rejects with what is wrong and what to do.
 */
export async function discoverCa(hostPort: string, caDigestHex: string, timeoutMs: number): Promise<string> {
  const split = hostPort.lastIndexOf(":");
  const host = hostPort.slice(0, split).replace(/^\[|\]$/g, "");
  const chain = await peerChain(host, Number(hostPort.slice(split + 1)), timeoutMs);
  const wanted = Buffer.from(caDigestHex, "hex");
  const ca = chain.find((candidate) => timingSafeEqual(createHash("sha256").update(candidate.raw).digest(), wanted));
  if (!ca) {
    throw new Error(
      `the coordinator at ${hostPort} does not show the certificate authority that the join token names: ` +
        "either the token is of another fleet or something stands in between; make a new token and check the address",
    );
  }
  const leaf = chain[0];
  if (!leaf || (leaf !== ca && !(leaf.checkIssued(ca) && leaf.verify(ca.publicKey)))) {
    throw new Error(
      `the certificate of the coordinator at ${hostPort} was not signed by the authority that the join token names: ` +
        "something stands in between; check the address",
    );
  }
  return ca.toString();
}

function peerChain(host: string, port: number, timeoutMs: number): Promise<X509Certificate[]> {
  return new Promise((resolve, reject) => {
    // Not trusting the peer here is the point: the digest decides. Nothing is sent over this connection.
    const socket = connect({
      host,
      port,
      rejectUnauthorized: false,
      ALPNProtocols: ["h2"],
      servername: "lormas-coordinator",
    });
    const fail = (reason: string) => {
      socket.destroy();
      reject(new Error(`no TLS connection to the coordinator at ${host}:${port}: ${reason}`));
    };
    socket.setTimeout(timeoutMs, () => fail(`no answer within ${timeoutMs} ms`));
    socket.once("error", (error) => fail(error.message));
    socket.once("secureConnect", () => {
      const chain: X509Certificate[] = [];
      let next: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
      while (next?.raw && chain.length < CHAIN_MAX) {
        chain.push(new X509Certificate(next.raw));
        next = next.issuerCertificate === next ? undefined : next.issuerCertificate;
      }
      socket.destroy();
      resolve(chain);
    });
  });
}
