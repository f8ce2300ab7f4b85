import { type ContextKey, createContextKey } from "@connectrpc/connect";

/** Who calls, once it is known. */
export type Caller = {
  readonly kind: "token" | "session" | "loopback";
  /** Recorded with what the caller asks for. */
  readonly name: string;
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

/** Set by the permission gate; null until then, and where a call needs nobody. */
export const callerKey: ContextKey<Caller | null> = createContextKey<Caller | null>(null, { description: "caller" });
