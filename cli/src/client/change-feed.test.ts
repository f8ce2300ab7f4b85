import { Code, ConnectError, createClient, createRouterTransport } from "@connectrpc/connect";
import { EventService } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { expect, test } from "vitest";
import { systemClock } from "../clock.ts";
import type { ApiClient } from "./api-client.ts";
import { followChanges } from "./change-feed.ts";

test("a feed that breaks goes on from where the watch said that it was, though it showed nothing since", async () => {
  const asked: (bigint | undefined)[] = [];
  const transport = createRouterTransport(({ service }) => {
    service(EventService, {
      async *watch({ after }) {
        asked.push(after);
        yield { message: { case: "opened", value: { asOf: after ?? 0n } } };
        if (asked.length === 1) {
          yield { message: { case: "change", value: { event: { sequence: 8n } } } };
          yield { message: { case: "progress", value: { asOf: 508n } } };
          throw new ConnectError("gone", Code.Unavailable);
        }
        yield { message: { case: "change", value: { event: { sequence: 509n }, follows: 8n } } };
      },
    });
  });
  const events = createClient(EventService, transport);
  const api: Pick<ApiClient, "streams"> = { streams: { events } as ApiClient["streams"] };
  const seen: (bigint | undefined)[] = [];
  for await (const { event } of followChanges(api, systemClock, 7n, undefined)) {
    seen.push(event?.sequence);
    if (seen.length === 2) break;
  }
  expect([asked, seen]).toEqual([
    [7n, 508n],
    [8n, 509n],
  ]);
});
