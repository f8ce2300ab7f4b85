import type { AuditActor } from "../audit/audit-entry.ts";
import { ADMIN_TOKEN_NAME } from "../identity/admin-token.ts";
import type { Identity } from "../identity/authenticate.ts";
import type { Caller } from "./call-context.ts";

/** Who calls, as the audit trail names him; null: nobody who is known. */
export function auditActor(
  caller: Pick<Caller | Identity, "kind" | "id" | "name" | "tokenPrefix"> | null,
  address: string,
): AuditActor {
  if (caller === null || caller.kind === "loopback") {
    return { kind: "anonymous", id: "", name: "", tokenPrefix: "", address };
  }
  const { id, name, tokenPrefix } = caller;
  const token = name === ADMIN_TOKEN_NAME ? "administrator" : "token";
  return { kind: caller.kind === "session" ? "user" : token, id, name, tokenPrefix, address };
}
