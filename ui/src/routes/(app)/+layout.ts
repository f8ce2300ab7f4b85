import { error, redirect } from "@sveltejs/kit";
import { readSession } from "#lib/api/session.ts";
import { setCustoms } from "#lib/format/customs.ts";

type Here = {
  readonly fetch: typeof globalThis.fetch;
  readonly route: { readonly id: string | null };
  readonly url: URL;
  readonly untrack: <T>(read: () => T) => T;
};

/** Lets in who is signed in and has a password of their own. Looks again in every room, and not for a filter in the address. */
export async function load({ fetch, route, url, untrack }: Here) {
  void route.id;
  const here = untrack(() => url.pathname + url.search);
  const session = await readSession(fetch);
  if (!session.ok) error(503, { message: session.error.message, nextStep: session.error.nextStep });
  if (session.value === null) redirect(307, `/sign-in?next=${encodeURIComponent(here)}`);
  if (session.value.mustChangePassword) redirect(307, "/change-password");
  setCustoms(session.value);
  return { user: session.value };
}
