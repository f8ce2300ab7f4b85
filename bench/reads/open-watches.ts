import { type ClientRequest, get } from "node:http";
import type { ApiHost } from "../api/api-host.ts";
import { until } from "../frame/awaited.ts";
import type { BenchRun } from "../frame/bench-run.ts";

const OPENED_MS = 60_000;
const ARRIVE_MS = 60_000;
/** Dialled at once; the kernel's backlog is no part of what is measured. */
const AT_ONCE = 50;

/** Streams of events that are open. */
export type OpenWatches = {
  /** Until every stream has had so many events more. */
  all(events: number): Promise<void>;
};

/** Opens so many streams of server-sent events, each on a connection of its own; they end with the part. */
export async function openWatches(part: BenchRun, host: ApiHost, count: number): Promise<OpenWatches> {
  const requests: ClientRequest[] = [];
  const seen = new Array<number>(count).fill(0);
  let opened = 0;
  let failure: Error | null = null;
  let ending = false;
  part.defer(() => {
    ending = true;
    for (const request of requests) request.destroy();
  });
  const broke = (error: Error): void => {
    if (!ending) failure ??= error;
  };
  const headers = { authorization: `Bearer ${host.token}`, accept: "text/event-stream" };
  for (let number = 0; number < count; number += 1) {
    const request = get(`${host.api.url}/api/v1/events`, { agent: false, headers }, (response) => {
      if (response.statusCode !== 200) broke(new Error(`a stream was answered with ${response.statusCode}`));
      opened += 1;
      response.setEncoding("utf8");
      response.on("data", (text: string) => {
        seen[number] = (seen[number] ?? 0) + (text.match(/^data:.*container\.running/gm)?.length ?? 0);
      });
      response.on("error", broke);
      response.on("end", () => broke(new Error("a stream ended")));
    });
    request.on("error", broke);
    requests.push(request);
    if (requests.length % AT_ONCE === 0)
      await until("streams are open", OPENED_MS, () => failed(failure) || opened >= requests.length);
  }
  await until("all streams are open", OPENED_MS, () => failed(failure) || opened === count);
  return {
    all: async (events) => {
      await until(
        `every stream has had ${events} events`,
        ARRIVE_MS,
        () => failed(failure) || seen.every((had) => had >= events),
      );
    },
  };
}

function failed(failure: Error | null): false {
  if (failure !== null) throw failure;
  return false;
}
