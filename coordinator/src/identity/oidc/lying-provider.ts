import http from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT } from "jose";
import type { Clock } from "../../runtime/clock.ts";

/** What is wrong with the answers of a lying provider; each has an issuer of its own. */
export const LIES = ["hangs", "html", "broken", "huge", "renamed", "redirects", "insecure"] as const;
export type Lie = (typeof LIES)[number];
/** What is wrong with its id_token, by the code that is sent back; "good": nothing. */
export type TokenLie =
  | "good"
  | "nonce"
  | "unsigned"
  | "audience"
  | "issuer"
  | "expired"
  | "stranger"
  | "none"
  | "subject"
  /** No address in it, but that it is verified; the profile has one, and says nothing of that. */
  | "split"
  /** No address in it, and the profile is somebody else's. */
  | "stolen";

/** A provider that cannot be trusted, on this machine. For tests. */
export type LyingProvider = {
  issuerOf(lie: Lie | "tokens"): string;
  /** What the id_token must hold to be a good one. */
  expected: { nonce: string };
  /** Requests that it lets wait for an answer. */
  waiting(): number;
  close(): Promise<void>;
};

/** Starts it. */
export async function startLyingProvider(clientId: string, clock: Pick<Clock, "wallMs">): Promise<LyingProvider> {
  const expected = { nonce: "" };
  const waiting = new Set<http.ServerResponse>();
  const [key, other] = [await generateKeyPair("RS256"), await generateKeyPair("RS256")];
  const jwk = { ...(await exportJWK(key.publicKey)), kid: "1", alg: "RS256", use: "sig" };
  const server = http.createServer(async (request, response) => {
    const [, lie = "", ...rest] = (request.url ?? "").split("/");
    const json = (body: unknown): void => {
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify(body));
    };
    if (lie === "hangs") {
      waiting.add(response);
      response.once("close", () => waiting.delete(response));
      return;
    }
    if (lie === "html") return void response.end("<html>hello</html>");
    if (lie === "broken") return void response.writeHead(500).end("{}");
    if (lie === "huge") return json({ issuer: "x".repeat(1_000_000) });
    if (lie === "redirects")
      return void response.writeHead(302, { location: `${base}/tokens/${rest.join("/")}` }).end();
    const issuer = `${base}/${lie}`;
    const [page] = rest;
    if (page === "jwks") return json({ keys: [jwk] });
    if (page === "userinfo") {
      const lie = (request.headers.authorization ?? "").replace("Bearer ", "");
      return json({ sub: lie === "stolen" ? "another" : `subject-${lie}`, email: `${lie}@liar.example` });
    }
    if (page === "token") {
      let body = "";
      for await (const chunk of request) body += String(chunk);
      const code = new URLSearchParams(body).get("code") as TokenLie;
      return json({ access_token: code, token_type: "Bearer", ...(await idToken(code, issuer)) });
    }
    json({
      issuer: lie === "renamed" ? `${base}/another` : issuer,
      authorization_endpoint: lie === "insecure" ? "http://id.example.org/auth" : `${issuer}/auth`,
      token_endpoint: `${issuer}/token`,
      userinfo_endpoint: `${issuer}/userinfo`,
      jwks_uri: `${issuer}/jwks`,
    });
  });
  const idToken = async (lie: TokenLie, issuer: string): Promise<{ id_token?: string }> => {
    if (lie === "none") return {};
    const now = Math.floor(clock.wallMs() / 1_000);
    const claims = {
      iss: lie === "issuer" ? `${issuer}/else` : issuer,
      aud: lie === "audience" ? "another" : clientId,
      ...(lie === "subject" ? {} : { sub: `subject-${lie}` }),
      nonce: lie === "nonce" ? "of another sign-in" : expected.nonce,
      iat: now - 600,
      exp: lie === "expired" ? now - 300 : now + 300,
      ...(lie === "split" || lie === "stolen" ? {} : { email: `${lie}@liar.example` }),
      email_verified: true,
    };
    if (lie === "unsigned") return { id_token: new UnsecuredJWT(claims).encode() };
    const signer = lie === "stranger" ? other.privateKey : key.privateKey;
    return { id_token: await new SignJWT(claims).setProtectedHeader({ alg: "RS256", kid: "1" }).sign(signer) };
  };
  server.listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    issuerOf: (lie) => `${base}/${lie}`,
    expected,
    waiting: () => waiting.size,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
