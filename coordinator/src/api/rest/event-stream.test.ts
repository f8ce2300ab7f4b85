import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { create } from "@bufbuild/protobuf";
import { WatchResponseSchema } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { expect, test } from "vitest";
import { ManualClock } from "../../runtime/manual-clock.ts";
import { createEventStream } from "./event-stream.ts";
import { UNREAD_MS_MAX } from "./unread-bound.ts";

test("a caller that leaves what it was sent unread is cut after a while, and its watch ends", async () => {
  const clock = new ManualClock();
  const large = { sequence: 1n, message: "x".repeat(1 << 20) };
  let sent = 0;
  let isOver = false;
  async function* watch() {
    try {
      for (;;) {
        sent += 1;
        yield create(WatchResponseSchema, { message: { case: "change", value: { event: large } } });
      }
    } finally {
      isOver = true;
    }
  }
  const handler = createEventStream({ watch, clock, onInternalError: (error) => expect.fail(String(error)) });
  let answered: Promise<boolean> | null = null;
  const server = createServer((request, response) => {
    answered = handler(request, response);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  // Never read from: what is sent fills the buffers between the two.
  socket.pause();
  socket.write("GET /api/v1/events HTTP/1.1\r\nhost: x\r\naccept: text/html, Text/Event-Stream;q=0.9\r\n\r\n");
  await expect.poll(() => sent).toBeGreaterThan(0);
  const turns = async () => {
    // Until nothing more is taken: the socket's buffers of the kernel are full as well.
    for (let before = -1; before !== sent; ) {
      before = sent;
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await turns();
  await clock.advance(UNREAD_MS_MAX - 1, turns);
  expect(isOver).toBe(false);
  await clock.advance(1, turns);
  await answered;
  expect(isOver).toBe(true);
  expect(sent).toBeLessThan(64);
  socket.destroy();
  server.close();
  await once(server, "close");
});
