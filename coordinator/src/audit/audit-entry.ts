import type { JsonObject } from "@bufbuild/protobuf";

/** Who did something. */
export type AuditActor = {
  /** administrator: the local administrator's token; system: the coordinator itself. */
  readonly kind: "user" | "token" | "administrator" | "anonymous" | "system";
  /** Tells two of one name apart; empty where there is nothing to tell. */
  readonly id: string;
  readonly name: string;
  /** How the secret of the token begins; empty where none was used. */
  readonly tokenPrefix: string;
  /** Where from, as the socket knows it; empty for the system. */
  readonly address: string;
};

/** What something was done to; `name` is what the request called it where nothing better is known. */
export type AuditObject = {
  readonly kind:
    | "container"
    | "node"
    | "cluster"
    | "migration"
    | "alert"
    | "egg"
    | "token"
    | "user"
    | "session"
    | "role"
    | "registry"
    | "authority"
    | "";
  readonly id: string;
  readonly name: string;
};

/** What is written before a call changes anything, or of what is over when it is written: a denial, a sign-in. */
export type AuditEntry = {
  readonly requestId: string;
  readonly actor: AuditActor;
  /** "ContainerService/StopContainer". */
  readonly method: string;
  /** The permission that the method asks for; empty where it asks for none. */
  readonly permission: string;
  readonly object: AuditObject;
  readonly decision: "allowed" | "denied";
  /** "ok" or an error's code; empty: an AuditOutcome follows. */
  readonly outcome: string;
  readonly reason: string;
  /** How many equal ones it stands for, and when the first of them was; null for one alone. */
  readonly counted: { readonly count: number; readonly since: Date } | null;
  /** What was asked for, masked. */
  readonly request: JsonObject | null;
  readonly after: JsonObject | null;
};

/** What became of a call whose entry was written before it. */
export type AuditOutcome = {
  /** The sequence of that entry. */
  readonly refersTo: number;
  readonly decision: "allowed" | "denied";
  readonly outcome: string;
  readonly reason: string;
  /** The object's id, where only the answer told it; else empty. */
  readonly objectId: string;
  /** What changed, masked. */
  readonly before: JsonObject | null;
  readonly after: JsonObject | null;
};

/** Where entries are kept, for good. */
export interface AuditLog {
  /** Commits all of them or none; resolves with their numbers, in their order. Rejects when they could not be written. */
  append(entries: readonly (AuditEntry | AuditOutcome)[]): Promise<number[]>;
}

/** The object of what has none. */
export const NO_OBJECT: AuditObject = { kind: "", id: "", name: "" };

/** The coordinator itself. */
export const SYSTEM_ACTOR: AuditActor = { kind: "system", id: "", name: "coordinator", tokenPrefix: "", address: "" };
