import http from "node:http";
import type { AddressInfo } from "node:net";
import { Provider } from "oidc-provider";

/** What a provider says of somebody. */
export type ProviderPerson = {
  readonly email?: string;
  readonly email_verified?: boolean;
  readonly name?: string;
  readonly [claim: string]: unknown;
};

/** A real OpenID Connect provider on this machine. For tests. */
export type RealProvider = {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** By subject. */
  readonly people: Map<string, ProviderPerson>;
  /** Signs somebody in there, as a browser would, and agrees; the address that it sends the browser back to. */
  signIn(authorizationUrl: string, subject: string): Promise<string>;
  close(): Promise<void>;
};

/** Starts one for one client, whose redirect address may be known later. */
export async function startRealProvider(redirectUri: () => string): Promise<RealProvider> {
  let handler: http.RequestListener | null = null;
  const people = new Map<string, ProviderPerson>();
  const client = { clientId: "lormas", clientSecret: "a secret / with: signs+%" };
  const server = http.createServer((request, response) => {
    handler ??= providerOf(issuer, client, redirectUri(), people).callback();
    handler(request, response);
  });
  server.listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    issuer,
    ...client,
    people,
    signIn: (url, subject) => signIn(issuer, url, subject),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function providerOf(
  issuer: string,
  { clientId, clientSecret }: { readonly clientId: string; readonly clientSecret: string },
  redirectUri: string,
  people: ReadonlyMap<string, ProviderPerson>,
): Provider {
  return new Provider(issuer, {
    clients: [
      {
        client_id: clientId,
        client_secret: clientSecret,
        redirect_uris: [redirectUri],
        grant_types: ["authorization_code"],
        response_types: ["code"],
      },
    ],
    pkce: { required: () => true },
    cookies: { keys: ["only for tests"] },
    claims: { openid: ["sub", "role", "roles", "groups"], email: ["email", "email_verified"], profile: ["name"] },
    findAccount: (_: unknown, accountId: string) => ({
      accountId,
      claims: async () => ({ sub: accountId, ...people.get(accountId) }),
    }),
  });
}

async function signIn(issuer: string, authorizationUrl: string, subject: string): Promise<string> {
  const jar = new Map<string, string>();
  const go = async (url: string, form?: Record<string, string>): Promise<Response> => {
    const cookie = [...jar].map((pair) => pair.join("=")).join("; ");
    const answer = await fetch(url, {
      redirect: "manual",
      headers: { cookie },
      ...(form === undefined ? {} : { method: "POST", body: new URLSearchParams(form) }),
    });
    for (const line of answer.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (value === "") jar.delete(name);
      else jar.set(name, value);
    }
    return answer;
  };
  let url = authorizationUrl;
  for (let step = 0; step < 12; step += 1) {
    if (!url.startsWith(issuer)) return url;
    let answer = await go(url);
    if (answer.status === 200) {
      const page = await answer.text();
      const prompt = /name="prompt" value="(\w+)"/.exec(page)?.[1] ?? "";
      answer = await go(url, prompt === "login" ? { prompt, login: subject, password: "any" } : { prompt });
    }
    const location = answer.headers.get("location");
    if (location === null) throw new Error(`the provider answered ${answer.status}: ${await answer.text()}`);
    url = new URL(location, url).href;
  }
  throw new Error("the provider sends the browser in a circle");
}
