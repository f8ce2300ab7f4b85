import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ApiTokenRecord } from "../../store/api-token-store.ts";
import type { ScopedGrant } from "../../store/grant-store.ts";
import { grantView } from "./grant-words.ts";

/** A token as the API shows it, which never shows its secret. */
export function tokenView(token: ApiTokenRecord, held: readonly ScopedGrant[]) {
  const { name, role, prefix, createdBy, createdAt, expiresAt, lastUsedAt } = token;
  return {
    ...{ name, role, prefix, createdBy, createdAt: timestampFromDate(createdAt), grants: held.map(grantView) },
    ...(expiresAt && { expiresAt: timestampFromDate(expiresAt) }),
    ...(lastUsedAt && { lastUsedAt: timestampFromDate(lastUsedAt) }),
  };
}
