import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { Refusal } from "../../domain/refusal.ts";
import type { OpenSession } from "../../identity/sessions.ts";

/** A session as the API shows it; `current`: the id of the one that asks. */
export function sessionView(session: OpenSession, current: string) {
  const { id, email, createdAt, lastUsedAt, expiresAt, address, userAgent } = session;
  return {
    ...{ id, email, address, userAgent, current: id === current },
    ...{ createdAt: timestampFromDate(createdAt), lastUsedAt: timestampFromDate(lastUsedAt) },
    expiresAt: timestampFromDate(expiresAt),
  };
}

/** The refusal for a session that is not open, or not that person's; `list`: the command that lists those that are. */
export function noSession(id: string, list: string): Refusal {
  return new Refusal("not_found", `there is no open session ${id}`, `list them: ${list}`, { field: "id" });
}
