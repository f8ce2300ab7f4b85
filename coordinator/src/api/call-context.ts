import { type ContextKey, createContextKey } from "@connectrpc/connect";
import type { Grant } from "../permissions/grant.ts";

/** Who calls, once it is known. */
export type Caller = {
  readonly kind: "token" | "session" | "loopback";
  /** Tells two of one name apart; empty for loopback. */
  readonly id: string;
  /** The id of the person whose what the caller makes is; empty: nobody's. */
  readonly person: string;
  /** Recorded with what the caller asks for. */
  readonly name: string;
  /** The role for everything, as it is written down; empty: none, as for somebody on this machine who has given no name. */
  readonly role: string;
  /** All that the caller holds, the role for everything first. */
  readonly grants: readonly Grant[];
  /** How the secret of the caller's token begins; empty where there is none. */
  readonly tokenPrefix: string;
  /** When the caller's token ends; null: never, or it is no token. */
  readonly expiresAt: Date | null;
  /** The id of the caller's session; empty where there is none. */
  readonly sessionId: string;
  /** Whether the caller is a person whose sign-in asks for a second factor; absent: no. */
  readonly secondFactor?: boolean;
  /** Roles of the caller that demand one which is not set up; absent: none. */
  readonly secondFactorDemandedBy?: readonly string[];
};

/** What the socket knows of a call. */
export type Peer = {
  readonly remoteAddress: string;
  /** The Host header or :authority; empty when there was none. */
  readonly host: string;
};

/** A name for one request, in the answer's x-request-id and in the log. */
export const requestIdKey: ContextKey<string> = createContextKey("", { description: "request id" });

/** Where the call comes from. */
export const peerKey: ContextKey<Peer> = createContextKey<Peer>(
  { remoteAddress: "", host: "" },
  { description: "peer" },
);

/** The id of what a call makes, where the call has a name and may be sent again; null: any new one. A UUID. */
export const newIdKey: ContextKey<string | null> = createContextKey<string | null>(null, { description: "new id" });

/** Set by the permission gate; null until then, and where a call needs nobody. */
export const callerKey: ContextKey<Caller | null> = createContextKey<Caller | null>(null, { description: "caller" });

/**
 * Set by a stream that asks more than its rule says: looks again with the caller as he is now, and rejects when the stream must end.
 */
export const streamGuardKey: ContextKey<(caller: Caller) => Promise<void>> = createContextKey<
  (caller: Caller) => Promise<void>
>(async () => {}, { description: "stream guard" });
