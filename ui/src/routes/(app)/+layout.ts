import { error, redirect } from "@sveltejs/kit";
import { readSession } from "#lib/api/session.ts";

/** Lets in who is signed in and has a password of their own. */
export async function load({ fetch, url }: { fetch: typeof globalThis.fetch; url: URL }) {
  const session = await readSession(fetch);
  if (!session.ok) error(503, { message: session.error.message, nextStep: session.error.nextStep });
  if (session.value === null) redirect(307, `/sign-in?next=${encodeURIComponent(url.pathname + url.search)}`);
  if (session.value.mustChangePassword) redirect(307, "/change-password");
  return { user: session.value };
}
