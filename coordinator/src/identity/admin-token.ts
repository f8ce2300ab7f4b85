import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { Clock } from "../runtime/clock.ts";
import { ApiTokenEntity } from "../store/entities/fleet-entities.ts";
import type { DatabaseOrm } from "../store/open-database.ts";
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
 * does not know, is replaced, and what the lost one held is revoked. Resolves with the file's path.
 */
export async function ensureAdminToken(orm: DatabaseOrm, dataDir: string, clock: Clock): Promise<string> {
  const path = adminTokenPath(dataDir);
  const kept = await readPrivateFile(path);
  if (kept !== null && (await isValid(orm, kept))) return path;
  const token = `lormas_${randomBytes(32).toString("base64url")}`;
  const now = new Date(clock.wallMs());
  // Stored first: a crash before the file is written leaves a token that nobody has, and the next start replaces it.
  await orm.em.fork().transactional(async (em) => {
    await em.nativeUpdate(ApiTokenEntity, { name: ADMIN_TOKEN_NAME, revokedAt: null }, { revokedAt: now });
    em.create(ApiTokenEntity, {
      tokenHash: tokenHash(token),
      name: ADMIN_TOKEN_NAME,
      createdAt: now,
      revokedAt: null,
    });
  });
  await writePrivateFile(path, token);
  return path;
}

async function isValid(orm: DatabaseOrm, token: string): Promise<boolean> {
  return (await orm.em.fork().count(ApiTokenEntity, { tokenHash: tokenHash(token), revokedAt: null })) === 1;
}
