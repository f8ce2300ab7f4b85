import { redirect } from "@sveltejs/kit";
import { secondFactorDemandedBy } from "#lib/api/second-factor-demand.ts";
import { readSession } from "#lib/api/session.ts";

/** Nobody signed in has nothing to set up, and where nothing is demanded the profile has the same. */
export async function load({ fetch }: { fetch: typeof globalThis.fetch }) {
  const session = await readSession(fetch);
  if (session.ok && session.value === null) redirect(307, "/sign-in?next=/");
  const roles = await secondFactorDemandedBy();
  if (roles.length === 0) redirect(307, "/profile");
  return { user: session.ok ? session.value : null, roles };
}
