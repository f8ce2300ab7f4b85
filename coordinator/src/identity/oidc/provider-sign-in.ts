import { expect } from "vitest";
import type { PublicPlaneRig } from "../../api/public-plane-rig.ts";
import { cookieOf, sessionOf } from "../test-people.ts";
import type { ProviderPerson, RealProvider } from "./real-provider.ts";

/** Sign-ins by a provider at a public plane, in steps and as a whole. For tests. */
export function providerSignIn(rig: () => PublicPlaneRig) {
  const start = (provider: string, next = "/nodes") =>
    fetch(`${rig().plane.url}/api/auth/sign-in/provider`, {
      method: "POST",
      headers: { "content-type": "application/json", origin: rig().plane.url },
      body: JSON.stringify({ provider, next }),
    });
  const begin = async (provider: string, next?: string) => {
    const answer = await start(provider, next);
    expect(answer.status, await answer.clone().text()).toBe(200);
    const { url } = (await answer.json()) as { url: string };
    return { url, cookie: cookieOf(answer, "lormas.oidc") };
  };
  const comeBack = (url: string, cookie: string) => fetch(url, { redirect: "manual", headers: { cookie } });
  /** A whole sign-in, as a browser does it; `others`: the cookies that it has already. */
  const signInBy = async (
    provider: RealProvider,
    id: string,
    subject: string,
    person: ProviderPerson,
    { next, others = "" }: { readonly next?: string; readonly others?: string } = {},
  ) => {
    provider.people.set(subject, person);
    const { url, cookie } = await begin(id, next);
    const back = await provider.signIn(url, subject);
    const answer = await comeBack(back, others === "" ? cookie : `${others}; ${cookie}`);
    const location = answer.headers.get("location") ?? "";
    return { status: answer.status, location, session: sessionOf(answer), answer };
  };
  return { start, begin, comeBack, signInBy };
}

/** What the sign-in page is told that went wrong; null: nothing. */
export const problemOf = (location: string) => new URL(location, "http://x").searchParams.get("problem");
/** Whose address the provider has verified. */
export const verified = (email: string) => ({ email, email_verified: true, name: "Some Body" });
/** What a configuration takes over from a provider. */
export const credentials = ({ issuer, clientId, clientSecret }: RealProvider) => ({ issuer, clientId, clientSecret });
