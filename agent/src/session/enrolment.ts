import { createHash, createPublicKey, X509Certificate } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { type Metadata, status } from "@grpc/grpc-js";
import { EnrolRequestSchema } from "@lormas/gen/lormas/agent/v1/agent_pb.ts";
import { issuerOf, readAuthorities } from "@lormas/wire/authority-list.ts";
import { AWAITING_APPROVAL_TRAILER } from "@lormas/wire/awaiting-approval.ts";
import type { Logger } from "pino";
import type { Timers, WallClock } from "../clock/clock.ts";
import { AGENT_VERSION } from "../config/agent-version.ts";
import { backOffMs } from "./back-off.ts";
import { discoverCa } from "./ca-discovery.ts";
import { certificateRequest, newKeyPem } from "./certificate-request.ts";
import type { enrolCall } from "./coordinator-client.ts";
import type { CredentialStore, Credentials } from "./credentials.ts";
import { parseJoinToken } from "./join-token.ts";

/** Enrolment was refused for good; the message says why and what to do. */
export class EnrolmentRefused extends Error {
  override readonly name = "EnrolmentRefused";
}

/** How long one try may take. */
const TRY_MS = 10_000;

/** Pauses of a node that waits to be let in: from this on, up to twice as long. */
const APPROVAL_PAUSE_MS = 5_000;
/** Its log says so at first, and then every so many questions, about every ten minutes. */
const SAID_EVERY = 80;

const NEXT_STEP: Partial<Record<number, string>> = {
  [status.UNAUTHENTICATED]: "make a new join token and start the agent with it",
  [status.ALREADY_EXISTS]: "choose another --name, or remove the old node from the fleet first",
  [status.INVALID_ARGUMENT]: "check --name and that agent and coordinator are of the same version",
  [status.PERMISSION_DENIED]: "ask who runs the fleet, then make a new join token and start the agent with it",
};

/**
 * Enrols this node with a one-time token and stores what it is given. A coordinator that does not answer is asked again until
 * the signal ends it, and so is one that has not let the node in yet, which turns it away once its time is over; a refusal throws
 * EnrolmentRefused at once.
 */
export async function enrol(options: {
  readonly store: Pick<CredentialStore, "enrolmentKey" | "save">;
  /** Asks one coordinator for a certificate. */
  readonly ask: typeof enrolCall;
  /** host:port to ask at each attempt, the first being 0. */
  readonly coordinatorFor: (attempt: number) => string;
  readonly name: string;
  readonly token: string;
  readonly timers: Timers;
  readonly wall: WallClock;
  readonly random: () => number;
  readonly log: Logger;
  readonly signal: AbortSignal;
}): Promise<Credentials> {
  const token = parseJoinToken(options.token);
  if (!token)
    throw new EnrolmentRefused("the join token is not one of Lormas (lormas1.<secret>.<digest>): copy it whole");
  const keyPem = await options.store.enrolmentKey(newKeyPem);
  const csr = await certificateRequest(options.name, keyPem);
  let waited = 0;
  for (let attempt = 0; ; attempt += 1) {
    if (options.signal.aborted) throw new EnrolmentRefused("stopped before this node was enrolled");
    try {
      const coordinator = options.coordinatorFor(attempt);
      const caPem = await discoverCa(coordinator, token.caDigestHex, TRY_MS);
      const request = create(EnrolRequestSchema, {
        token: token.secret,
        nodeName: options.name,
        csr,
        agentVersion: AGENT_VERSION,
      });
      const answer = await options.ask(coordinator, caPem, request, options.wall.now().getTime() + TRY_MS);
      checkIssued(answer.certificate, caPem);
      const credentials: Credentials = {
        nodeId: answer.nodeId,
        // An operator may have given it another one while it waited.
        nodeName: answer.nodeName || options.name,
        clusterName: answer.clusterName,
        keyPem,
        certificatePem: answer.certificate,
        caPem,
      };
      await options.store.save(credentials);
      return credentials;
    } catch (error) {
      const code = (error as { code?: unknown }).code;
      const reason = error instanceof Error ? error.message : String(error);
      const nextStep = typeof code === "number" ? NEXT_STEP[code] : undefined;
      if (nextStep) {
        const details = (error as { details?: string }).details ?? reason;
        throw new EnrolmentRefused(`node "${options.name}" was not enrolled: ${details}; ${nextStep}`);
      }
      if (awaitsApproval(error)) {
        if (waited++ % SAID_EVERY === 0) {
          const key = fingerprintOf(keyPem);
          options.log.warn({ key, reason }, "awaiting approval: an operator has to let this node in");
        }
        await options.timers.sleep(Math.round(APPROVAL_PAUSE_MS * (1 + options.random())), options.signal);
        continue;
      }
      const waitMs = backOffMs(attempt, options.random());
      options.log.warn({ attempt, waitMs, reason }, "enrolment failed, trying again");
      await options.timers.sleep(waitMs, options.signal);
    }
  }
}

function awaitsApproval(error: unknown): boolean {
  const { metadata } = error as { metadata?: Metadata };
  return (metadata?.get(AWAITING_APPROVAL_TRAILER).length ?? 0) > 0;
}

/** As the coordinator shows it to operators, who compare the two. */
export function fingerprintOf(keyPem: string): string {
  const key = createPublicKey(keyPem).export({ type: "spki", format: "der" });
  return `SHA256:${createHash("sha256").update(key).digest("base64").replace(/=+$/, "")}`;
}

/** The agent trusts those authorities and nothing else, so a certificate of any other is refused. */
export function checkIssued(certificatePem: string, caPem: string): void {
  if (issuerOf(new X509Certificate(certificatePem), readAuthorities(caPem)) === undefined) {
    throw new Error("the certificate that came back was not signed by the fleet's authority");
  }
}
