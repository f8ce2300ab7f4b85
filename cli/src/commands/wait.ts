import type { Change } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { type Command, InvalidArgumentError } from "commander";
import type { CliContext } from "../cli-context.ts";
import type { ApiClient } from "../client/api-client.ts";
import { followChanges } from "../client/change-feed.ts";
import { durationSeconds } from "../output/quantity.ts";
import type { ApiOptions } from "./api-command.ts";

/** The longest that --timeout takes, seconds. */
export const WAIT_MAX_S = 86_400;

export interface WaitOptions extends ApiOptions {
  readonly wait?: boolean;
  /** Seconds. */
  readonly timeout: number;
}

/** Adds `--wait` and `--timeout`. `until` ends the sentence "show the progress until …". */
export function waitable(command: Command, until: string, defaultSeconds: number): Command {
  return command
    .option("--wait", `show the progress until ${until}; exit code 7 when the time is up first`)
    .option("--timeout <time>", "how long --wait waits: 90s, 10m, 2h, or seconds", waitSeconds, defaultSeconds);
}

/** A commander parser for --timeout: "90s", "10m", "2h" or seconds, at most a day. */
export function waitSeconds(text: string): number {
  const seconds = durationSeconds(/^\d+$/.test(text) ? `${text}s` : text);
  if (seconds <= WAIT_MAX_S) return seconds;
  throw new InvalidArgumentError("it is at most a day.");
}

/** What is waited for. */
export interface Waited<Thing> {
  readonly first: Thing;
  /** Changes after this number count. */
  readonly asOf: bigint;
  readonly timeoutSeconds: number;
  /** The thing as a change tells of it; undefined when the change is none of its. */
  readonly of: (change: Change) => Thing | undefined;
  readonly isOver: (thing: Thing) => boolean;
  /** Told the first state and every later one. */
  readonly tell: (thing: Thing) => void;
}

/** Follows a thing until it is over, or the time is up: the last that is known of it then. */
export async function untilOver<Thing>(context: CliContext, api: ApiClient, waited: Waited<Thing>): Promise<Thing> {
  const { first, asOf, timeoutSeconds, of, isOver, tell } = waited;
  let thing = first;
  tell(thing);
  if (isOver(thing)) return thing;
  const enough = new AbortController();
  const cancel = context.clock.after(timeoutSeconds * 1_000, () => enough.abort());
  try {
    for await (const change of followChanges(api, context.clock, asOf, enough.signal)) {
      const now = of(change);
      if (now === undefined) continue;
      thing = now;
      tell(thing);
      // Without the end of the stream its connection would keep the process alive.
      if (isOver(thing)) enough.abort();
    }
  } finally {
    cancel();
  }
  return thing;
}
