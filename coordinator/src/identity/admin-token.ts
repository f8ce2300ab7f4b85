import { join } from "node:path";
import type { ApiTokenStore } from "../store/api-token-store.ts";
import { newApiToken } from "./api-token.ts";
import { readPrivateFile, writePrivateFile } from "./private-file.ts";
import { tokenHash } from "./token-hash.ts";

/** The name under which the local administrator's token is stored, and recorded with what it asks for. */
export const ADMIN_TOKEN_NAME = "admin";

/** Where the local administrator's token lies. */
export function adminTokenPath(dataDir: string): string {
  return join(dataDir, "admin.token");
}

/**
 * Makes sure that <data dir>/admin.token (0600) holds a token that is valid. A file that is lost, or that this database
 * does not know, is replaced, and what the lost one held is revoked; `audit` is told before. Resolves with the file's path.
 */
export async function ensureAdminToken(
  tokens: ApiTokenStore,
  dataDir: string,
  audit: (prefix: string) => Promise<void>,
): Promise<string> {
  const path = adminTokenPath(dataDir);
  const kept = await readPrivateFile(path);
  if (kept !== null && (await tokens.findValid(tokenHash(kept))) !== null) return path;
  const { secret, hash, prefix } = newApiToken();
  await audit(prefix);
  // Stored first: a crash before the file is written leaves a token that nobody has, and the next start replaces it.
  const name = ADMIN_TOKEN_NAME;
  await tokens.replace({ name, hash, prefix, role: "superadmin", createdBy: "coordinator", expiresAt: null });
  await writePrivateFile(path, secret);
  return path;
}
