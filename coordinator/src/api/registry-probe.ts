import { DOCKER_HUB } from "@lormas/wire/image-reference.ts";
import type { RegistryLogin } from "../secrets/registry-logins.ts";

export type ProbeAnswer = { readonly ok: boolean; readonly detail: string };

/** All that is asked of one registry takes this long at most. */
const PROBE_MS = 10_000;
/** Of an answer with a token. */
const ANSWER_BYTES_MAX = 256 * 1024;
const DOCKER_HUB_HOST = "registry-1.docker.io";
const LOOPBACK = /^(localhost|127(\.[0-9]{1,3}){3})(:|$)/;

/**
 * Asks a registry whether it takes a login, as an engine would: the registry's API version 2, with the login itself or with the token
 * that the registry's own token server gives for it. Over HTTPS; a registry on this machine may speak plain HTTP, as engines allow
 * it. Never throws for what the registry does, and never repeats the password.
 */
export async function probeRegistry(login: RegistryLogin, cut: AbortSignal): Promise<ProbeAnswer> {
  const signal = AbortSignal.any([cut, AbortSignal.timeout(PROBE_MS)]);
  const { server, username } = login;
  try {
    const base = await baseOf(server, signal);
    const open = await ask(`${base}/v2/`, signal);
    if (open.status === 200) {
      return { ok: true, detail: `${server} answers everybody: it asks for no login` };
    }
    if (open.status !== 401) return refused(`${server} answered ${open.status} to /v2/`, "check that it is a registry");
    const challenge = open.headers.get("www-authenticate") ?? "";
    const realm = /^bearer\s/i.test(challenge) ? tokenRealm(challenge) : null;
    const answer =
      realm === null
        ? await ask(`${base}/v2/`, signal, basic(login))
        : await withToken(login, realm, { base, challenge, signal });
    if (answer === "no_token") {
      return refused(`the token server of ${server} does not take the login of ${username}`, "check user and password");
    }
    if (answer.status === 200) return { ok: true, detail: `${server} takes the login of ${username}` };
    const said = `${server} answered ${answer.status} to the login of ${username}`;
    return refused(said, answer.status === 401 ? "check user and password" : "look at what the user may do there");
  } catch (error) {
    if (cut.aborted) throw error;
    return refused(
      `${server} cannot be asked: ${reasonOf(error)}`,
      "check its name, its certificate and the way to it",
    );
  }
}

const refused = (said: string, nextStep: string): ProbeAnswer => ({ ok: false, detail: `${said}; ${nextStep}` });

/** Where the registry is reached. One on this machine that speaks no TLS is asked without. */
async function baseOf(server: string, signal: AbortSignal): Promise<string> {
  const host = server === DOCKER_HUB ? DOCKER_HUB_HOST : server;
  if (!LOOPBACK.test(host)) return `https://${host}`;
  try {
    await ask(`https://${host}/v2/`, signal);
    return `https://${host}`;
  } catch (error) {
    if (signal.aborted) throw error;
    return `http://${host}`;
  }
}

type Answer = Pick<Response, "status" | "headers">;

/** One answer without what it says beyond its head. */
async function ask(url: string, signal: AbortSignal, authorization?: string): Promise<Answer> {
  const { status, headers, body } = await request(url, signal, authorization);
  await body?.cancel();
  return { status, headers };
}

/** A registry sends nobody elsewhere from here: the login would go along. */
function request(url: string, signal: AbortSignal, authorization?: string): Promise<Response> {
  return fetch(url, { signal, headers: authorization === undefined ? {} : { authorization }, redirect: "manual" });
}

function basic({ username, password }: RegistryLogin): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

/** Where a token is had; null where the challenge does not say so, or asks for the password in plain text over the network. */
function tokenRealm(challenge: string): URL | null {
  const realm = /realm="([^"]{1,2048})"/i.exec(challenge)?.[1] ?? "";
  if (!URL.canParse(realm)) return null;
  const url = new URL(realm);
  return url.protocol === "https:" || (url.protocol === "http:" && LOOPBACK.test(url.host)) ? url : null;
}

async function withToken(
  login: RegistryLogin,
  realm: URL,
  { base, challenge, signal }: { base: string; challenge: string; signal: AbortSignal },
): Promise<Answer | "no_token"> {
  const service = /service="([^"]{1,512})"/i.exec(challenge)?.[1];
  if (service !== undefined) realm.searchParams.set("service", service);
  realm.searchParams.set("account", login.username);
  const given = await request(realm.href, signal, basic(login));
  if (given.status !== 200) {
    await given.body?.cancel();
    return "no_token";
  }
  const said: unknown = JSON.parse(await boundedText(given));
  const { token, access_token: accessToken } = said as { token?: unknown; access_token?: unknown };
  const bearer = token ?? accessToken;
  if (typeof bearer !== "string") return "no_token";
  return ask(`${base}/v2/`, signal, `Bearer ${bearer}`);
}

async function boundedText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > ANSWER_BYTES_MAX) throw new Error(`its token server answers with more than ${ANSWER_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "TimeoutError") return `no answer within ${PROBE_MS} ms`;
  return error.cause instanceof Error ? error.cause.message : error.message;
}
