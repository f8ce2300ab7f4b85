import { SeededRandom } from "@lormas/chance/seeded-random.ts";
import { expect, test } from "vitest";
import { EventQueue, type ScheduledEvent } from "./event-queue.ts";

const inOrder = (a: ScheduledEvent, b: ScheduledEvent) => a.atMs - b.atMs || a.order - b.order;

test("events come by their moments, those of one moment as they were made, and cancelled ones not at all", () => {
  const random = new SeededRandom(7, "queue");
  const queue = new EventQueue();
  const waiting = new Set<ScheduledEvent>();
  let nowMs = 0;
  for (let step = 0; step < 20_000; step++) {
    if (random.chance(0.55)) {
      waiting.add(queue.add(nowMs + random.below(20), "somebody", "something", () => undefined));
    } else if (random.chance(0.2)) {
      const event = random.oneOf([...waiting].slice(-20));
      if (event) event.run = null;
      if (event) waiting.delete(event);
    } else {
      const next = [...waiting].sort(inOrder)[0];
      expect(queue.take()).toBe(next);
      if (next) waiting.delete(next);
      nowMs = next?.atMs ?? nowMs;
    }
    if (waiting.size > 60) while (waiting.size > 0) waiting.delete(queue.take() as ScheduledEvent);
  }
  for (const event of [...waiting].sort(inOrder)) expect(queue.take()).toBe(event);
  expect(queue.take()).toBeUndefined();
});
