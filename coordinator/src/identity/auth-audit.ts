import { type AuditActor, type AuditObject, NO_OBJECT } from "../audit/audit-entry.ts";
import type { Auditor } from "../audit/auditor.ts";

/** What the routes of better-auth tell the audit trail. */
export type AuthCall = {
  /** "auth/sign-in". */
  readonly method: string;
  readonly requestId: string;
  readonly address: string;
};

/** The user of a session, or the one that a sign-in is for; name: the e-mail address. */
export type AuthUser = { readonly id: string; readonly name: string };

/** Audits sign-in, sign-out, and what somebody changes about how he signs in. */
export class AuthAudit {
  readonly #auditor: Auditor;

  constructor(auditor: Auditor) {
    this.#auditor = auditor;
  }

  /** Commits that somebody is signed in, who does not know it yet. Rejects with AuditUnavailable. */
  async signedIn(call: AuthCall, user: AuthUser): Promise<void> {
    await this.#auditor.trail.write({ ...entryOf(call, actorOf(user, call), user), outcome: "ok" });
  }

  /** Commits that the password was right, and that a second factor is asked for. Rejects with AuditUnavailable. */
  async challenged(call: AuthCall, user: AuthUser): Promise<void> {
    await this.#auditor.trail.write({ ...entryOf(call, actorOf(user, call), user), outcome: "second_factor_required" });
  }

  /** Commits that an account is about to be made or linked for whom a provider has signed in. Rejects with AuditUnavailable. */
  async accountChanged(call: AuthCall, user: AuthUser, after: Readonly<Record<string, string>>): Promise<void> {
    await this.#auditor.trail.write({ ...entryOf(call, actorOf(null, call), user), outcome: "ok", after });
  }

  /** Commits what somebody is about to do; what it gives takes the outcome. Rejects with AuditUnavailable. */
  async begin(call: AuthCall, user: AuthUser): Promise<(outcome: string, reason: string) => Promise<void>> {
    const refersTo = await this.#auditor.trail.write(entryOf(call, actorOf(user, call), user));
    return (outcome, reason) => {
      const decision = outcome === "ok" ? "allowed" : "denied";
      const nothing = { objectId: "", before: null, after: null };
      return this.#auditor.trail.settle({ refersTo, decision, outcome, reason, ...nothing });
    };
  }

  /** Counts a refusal; `user`: whom a sign-in was for, where there is such an account, since people type passwords there too. */
  refused(call: AuthCall, user: AuthUser | null, outcome: string, reason: string): void {
    const { decision: _, counted: __, after: ___, ...denial } = entryOf(call, actorOf(null, call), user);
    this.#auditor.deny({ ...denial, outcome, reason });
  }
}

function actorOf(user: AuthUser | null, { address }: AuthCall): AuditActor {
  if (user === null) return { kind: "anonymous", id: "", name: "", tokenPrefix: "", address };
  return { kind: "user", id: user.id, name: user.name, tokenPrefix: "", address };
}

function entryOf({ method, requestId }: AuthCall, actor: AuditActor, user: AuthUser | null) {
  const object: AuditObject = user === null ? NO_OBJECT : { kind: "user", id: user.id, name: user.name };
  const said = { outcome: "", reason: "", counted: null, request: null, after: null };
  return { requestId, actor, method, permission: "", object, decision: "allowed", ...said } as const;
}
