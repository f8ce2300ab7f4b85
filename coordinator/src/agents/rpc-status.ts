import { Metadata, status } from "@grpc/grpc-js";
import { AWAITING_APPROVAL_TRAILER } from "@lormas/wire/awaiting-approval.ts";
import { Refusal } from "../domain/refusal.ts";

/** Trailer of an UNAVAILABLE answer: milliseconds after which the same may be tried again. */
export const RETRY_AFTER_HEADER = "lormas-retry-after-ms";
/** How long a node that waits to be let in shall pause before it asks again. */
const APPROVAL_PAUSE_MS = 5_000;
/** What is hinted when the refusal names no time. */
const RETRY_AFTER_DEFAULT_MS = 1_000;

/** An answer other than OK, as grpc-js takes it. The text names the thing, the reason and the next step. */
export class RpcStatus extends Error {
  override readonly name = "RpcStatus";
  readonly code: status;
  readonly details: string;
  readonly metadata: Metadata;

  constructor(code: status, details: string, options: { retryAfterMs?: number; cause?: unknown } = {}) {
    super(details, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = details;
    this.metadata = new Metadata();
    if (options.retryAfterMs !== undefined) this.metadata.set(RETRY_AFTER_HEADER, String(options.retryAfterMs));
  }
}

/** The agent shall dial again later: this coordinator does not lead, or its database does not answer. */
export function unavailable(details: string, retryAfterMs = RETRY_AFTER_DEFAULT_MS, cause?: unknown): RpcStatus {
  return new RpcStatus(status.UNAVAILABLE, details, { retryAfterMs, cause });
}

/** The node is known, and no operator has let it in yet. */
export function awaitingApproval(name: string, fingerprint: string, untilMs: number): RpcStatus {
  const until = new Date(untilMs).toISOString();
  const details = `awaiting approval until ${until}: lormas node approve ${name}, if its key is ${fingerprint}`;
  const answer = unavailable(details, APPROVAL_PAUSE_MS);
  answer.metadata.set(AWAITING_APPROVAL_TRAILER, "true");
  return answer;
}

/**
 * What a peer is told of something that went wrong: a status as it is, a Refusal as UNAVAILABLE with its retry hint,
 * anything else as INTERNAL without its text, which is for the log only.
 */
export function toRpcStatus(error: unknown): RpcStatus {
  if (error instanceof RpcStatus) return error;
  if (error instanceof Refusal) {
    return unavailable(`${error.message}: ${error.nextStep}`, error.retryAfterMs || undefined, error);
  }
  return new RpcStatus(status.INTERNAL, "the coordinator failed: its log says why; try again", { cause: error });
}
