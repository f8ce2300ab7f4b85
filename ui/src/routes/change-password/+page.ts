import { redirect } from "@sveltejs/kit";
import { readSession } from "#lib/api/session.ts";

/** Nobody signed in has no password to change. */
export async function load({ fetch }: { fetch: typeof globalThis.fetch }) {
  const session = await readSession(fetch);
  if (session.ok && session.value === null) redirect(307, "/sign-in?next=/");
  return { user: session.ok ? session.value : null };
}
