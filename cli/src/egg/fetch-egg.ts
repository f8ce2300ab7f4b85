import { CliFailure } from "../cli-failure.ts";
import type { Clock } from "../clock.ts";
import { exitCode } from "../exit-code.ts";
import { eggText, tooLarge } from "./egg-text.ts";

/** How long a URL may take to answer in full, redirects included. */
export const FETCH_MS_MAX = 30_000;

/** The text behind an http or https URL. Rejects with a CliFailure when there is none, it is too large or takes too long. */
export async function fetchEgg(url: string, bytesMax: number, clock: Clock): Promise<string> {
  const end = new AbortController();
  const cancel = clock.after(FETCH_MS_MAX, () => end.abort());
  try {
    const answer = await fetch(url, { signal: end.signal, headers: { accept: "application/json, text/plain, */*" } });
    if (!answer.ok) throw notThere(url, `it answers ${answer.status}`, answer.status === 404);
    if (/^text\/html/i.test(answer.headers.get("content-type") ?? ""))
      throw notThere(url, "it answers a web page", false);
    const pieces: Uint8Array[] = [];
    let bytes = 0;
    for await (const piece of answer.body ?? []) {
      bytes += piece.length;
      if (bytes > bytesMax) throw tooLarge(url, bytesMax);
      pieces.push(piece);
    }
    return eggText(url, Buffer.concat(pieces));
  } catch (thrown) {
    if (thrown instanceof CliFailure) throw thrown;
    if (end.signal.aborted) {
      const message = `${url} does not answer within ${FETCH_MS_MAX / 1_000} s`;
      throw new CliFailure(exitCode.timedOut, message, "try again, or fetch it yourself and import the file");
    }
    const cause = thrown instanceof Error && thrown.cause instanceof Error ? thrown.cause.message : String(thrown);
    throw notThere(url, cause, false);
  } finally {
    cancel();
    end.abort();
  }
}

function notThere(url: string, reason: string, isGone: boolean): CliFailure {
  const code = isGone ? exitCode.notFound : exitCode.failed;
  return new CliFailure(code, `${url} gives no egg: ${reason}`, "name the URL of the file itself, its raw text");
}
