import { createHash } from "node:crypto";

/** What an egg's id, and a category's, may look like. */
export const EGG_ID = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const LENGTH_MAX = 63;

/** A name as a slug: "Forge Minecraft" is "forge-minecraft". One that has nothing of ASCII gets a digest: "egg-1f2e3d4c5b6a". */
export function slugOf(name: string): string {
  const words = name
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-");
  const slug = words.replace(/^-+/, "").slice(0, LENGTH_MAX).replace(/-+$/, "");
  return slug === "" ? `egg-${createHash("sha256").update(name).digest("hex").slice(0, 12)}` : slug;
}
