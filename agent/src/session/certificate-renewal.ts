import { X509Certificate } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import {
  type RenewCertificateRequest,
  RenewCertificateRequestSchema,
  type RenewCertificateResponse,
} from "@lormas/gen/lormas/agent/v1/agent_pb.ts";
import type { Logger } from "pino";
import type { Timers, WallClock } from "../clock/clock.ts";
import { backOffMs } from "./back-off.ts";
import { certificateRequest } from "./certificate-request.ts";
import type { CoordinatorClient } from "./coordinator-client.ts";
import type { CredentialStore, Credentials } from "./credentials.ts";
import { checkIssued } from "./enrolment.ts";
import type { RenewalWish } from "./renewal-wish.ts";
import { trustedIds } from "./trusted-authorities.ts";

/** The part of a certificate's life after which it is renewed. */
export const RENEW_AT = 2 / 3;
/** The clock is read again after this at the latest. */
const CHECK_MS = 3_600_000;
const CALL_MS = 10_000;
const RETRY = { baseMs: 5_000, capMs: 600_000 };

/** Milliseconds until a certificate should be renewed; negative when that is past. */
export function renewInMs(certificatePem: string, now: Date): number {
  const certificate = new X509Certificate(certificatePem);
  const from = certificate.validFromDate.getTime();
  return from + (certificate.validToDate.getTime() - from) * RENEW_AT - now.getTime();
}

/**
 * Renews the node's certificate when two thirds of its life are over or the coordinator wishes it, and takes up whom to trust, on whatever connection there is; streams that run go on
 * under the old one, the next dial uses the new one. Runs until the signal ends it.
 */
export async function keepCertificateFresh(options: {
  readonly store: Pick<CredentialStore, "save">;
  readonly credentials: () => Credentials;
  readonly renewed: (credentials: Credentials) => void;
  /** The present connection; null while there is none. */
  readonly client: () => CoordinatorClient | null;
  readonly wish: RenewalWish;
  readonly timers: Timers;
  readonly wall: WallClock;
  readonly random: () => number;
  readonly log: Logger;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { timers, wall, wish, log, signal } = options;
  let attempt = 0;
  while (!signal.aborted) {
    const waitMs = Math.min(renewInMs(options.credentials().certificatePem, wall.now()), wish.dueInMs());
    if (waitMs > 0) {
      await wish.sleep(timers, Math.min(waitMs, CHECK_MS), signal);
      continue;
    }
    const taken = wish.take();
    try {
      const client = options.client();
      if (!client) throw new Error("not connected");
      const before = options.credentials();
      const csr = await certificateRequest(before.nodeName, before.keyPem);
      const request = create(RenewCertificateRequestSchema, { csr, trustedAuthorities: trustedIds(before.caPem) });
      const answer = await renew(client, request, wall.now().getTime() + CALL_MS);
      const after = renewed(before, answer);
      await options.store.save(after);
      options.renewed(after);
      attempt = 0;
      const trusted = trustedIds(after.caPem);
      log.info({ notAfter: new X509Certificate(answer.certificate).validTo, trusted }, "certificate renewed");
    } catch (error) {
      const pauseMs = backOffMs(attempt, options.random(), RETRY) + 1_000;
      attempt += 1;
      if (taken) wish.ask(0);
      log.warn(
        { reason: error instanceof Error ? error.message : String(error), pauseMs },
        "certificate not renewed yet",
      );
      await timers.sleep(pauseMs, signal);
    }
  }
}

/** What is kept of an answer. The certificate must be of one that was trusted before, and is to be trusted afterwards. */
function renewed(before: Credentials, { certificate, trustedAuthorities }: RenewCertificateResponse): Credentials {
  checkIssued(certificate, before.caPem);
  if (trustedAuthorities.length === 0) return { ...before, certificatePem: certificate };
  const caPem = `${trustedAuthorities.map((pem) => pem.trim()).join("\n")}\n`;
  checkIssued(certificate, caPem);
  return { ...before, certificatePem: certificate, caPem };
}

function renew(
  client: CoordinatorClient,
  request: RenewCertificateRequest,
  deadline: number,
): Promise<RenewCertificateResponse> {
  return new Promise((resolve, reject) => {
    client.renewCertificate(request, { deadline }, (error, response) =>
      error || !response ? reject(error ?? new Error("empty answer to RenewCertificate")) : resolve(response),
    );
  });
}
