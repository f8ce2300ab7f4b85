import { lookup } from "node:dns";
import { get as getPlain, type IncomingMessage, type RequestOptions } from "node:http";
import { get as getEncrypted } from "node:https";
import { isIP, type LookupFunction } from "node:net";
import { CliFailure } from "../cli-failure.ts";
import type { Clock } from "../clock.ts";
import { exitCode } from "../exit-code.ts";
import { eggText, tooLarge } from "./egg-text.ts";
import { isPublicAddress } from "./public-address.ts";

/** How long a URL may take to answer in full, redirects included. */
export const FETCH_MS_MAX = 30_000;
const REDIRECTS_MAX = 5;

/**
 * Where a URL may lead. "anywhere": whoever names it says so himself. "public": an egg names it, and it may not reach what only this
 * machine can: by https alone, to public addresses, also of each redirect.
 */
export type FetchReach = "anywhere" | "public";

/** The text behind an http or https URL. Rejects with a CliFailure when there is none, it is too large or takes too long. */
export async function fetchEgg(
  url: string,
  bytesMax: number,
  clock: Clock,
  reach: FetchReach = "anywhere",
): Promise<string> {
  const end = new AbortController();
  const cancel = clock.after(FETCH_MS_MAX, () => end.abort());
  try {
    const answer = await follow(url, reach, end.signal);
    const { statusCode: status = 0 } = answer;
    if (status < 200 || status > 299) throw notThere(url, `it answers ${status}`, status === 404);
    if (/^text\/html/i.test(answer.headers["content-type"] ?? "")) throw notThere(url, "it answers a web page", false);
    const pieces: Uint8Array[] = [];
    let bytes = 0;
    for await (const piece of answer as AsyncIterable<Uint8Array>) {
      bytes += piece.length;
      if (bytes > bytesMax) throw tooLarge(url, bytesMax);
      pieces.push(piece);
    }
    return eggText(url, Buffer.concat(pieces));
  } catch (thrown) {
    if (thrown instanceof CliFailure) throw thrown;
    if (thrown instanceof Error && thrown.cause instanceof CliFailure) throw thrown.cause;
    if (end.signal.aborted) {
      const message = `${url} does not answer within ${FETCH_MS_MAX / 1_000} s`;
      throw new CliFailure(exitCode.timedOut, message, "try again, or fetch it yourself and import the file");
    }
    // Of several addresses, none of which answers, each has its own.
    const [first] = thrown instanceof AggregateError ? thrown.errors : [thrown];
    throw notThere(url, first instanceof Error ? first.message : String(first), false);
  } finally {
    cancel();
    end.abort();
  }
}

async function follow(given: string, reach: FetchReach, signal: AbortSignal): Promise<IncomingMessage> {
  let url = new URL(given);
  for (let redirects = 0; ; redirects += 1) {
    demandReach(given, url, reach);
    const answer = await ask(url, { signal, lookup: lookupWithin(given, reach) });
    const { location } = answer.headers;
    if (location === undefined || ![301, 302, 303, 307, 308].includes(answer.statusCode ?? 0)) return answer;
    answer.destroy();
    if (redirects === REDIRECTS_MAX) throw notThere(given, `it redirects more than ${REDIRECTS_MAX} times`, false);
    url = new URL(location, url);
  }
}

/** What can be said of a URL before its name is looked up. */
function demandReach(given: string, url: URL, reach: FetchReach): void {
  const allowed = reach === "public" ? ["https:"] : ["http:", "https:"];
  if (!allowed.includes(url.protocol)) {
    const scheme = url.protocol.replace(":", "");
    throw outOfReach(given, reach === "public" ? `${scheme} is not https` : `${scheme} is neither http nor https`);
  }
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  // What is an address already is not looked up.
  if (reach === "public" && isIP(host) !== 0 && !isPublicAddress(host)) throw outOfReach(given, notPublic(host));
}

/** Looks a name up once and connects to what was found, so that nothing else can be found in between. */
function lookupWithin(given: string, reach: FetchReach): LookupFunction {
  return (name, options, callback) => {
    lookup(name, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return callback(error, []);
      const inner = reach === "public" ? addresses.find(({ address }) => !isPublicAddress(address)) : undefined;
      if (inner !== undefined) {
        // What asks for this knows errors of the system alone; the cause is what is told.
        return callback(new Error("", { cause: outOfReach(given, `${name} is ${notPublic(inner.address)}`) }), []);
      }
      const [first] = addresses;
      if (options.all === true || first === undefined) callback(null, addresses);
      else callback(null, first.address, first.family);
    });
  };
}

function ask(url: URL, options: RequestOptions): Promise<IncomingMessage> {
  // Compressed, it could be larger than it seems.
  const headers = { accept: "application/json, text/plain, */*", "accept-encoding": "identity" };
  return new Promise((resolve, reject) => {
    const get = url.protocol === "https:" ? getEncrypted : getPlain;
    get(url, { ...options, headers, agent: false }, resolve).on("error", reject);
  });
}

const notPublic = (address: string): string => `${address}, which is no public address`;

function outOfReach(url: string, reason: string): CliFailure {
  const nextStep = "allow it with --allow-private if you trust the egg, or fetch it yourself and import the file";
  return new CliFailure(exitCode.refused, `${url} is not fetched: ${reason}`, nextStep);
}

function notThere(url: string, reason: string, isGone: boolean): CliFailure {
  const code = isGone ? exitCode.notFound : exitCode.failed;
  return new CliFailure(code, `${url} gives no egg: ${reason}`, "name the URL of the file itself, its raw text");
}
