import { expect, test } from "vitest";
import { NodeInbox } from "./node-inbox.ts";

test("work is taken in order, one at a time, and room is told once half is free", async () => {
  const inbox = new NodeInbox(4);
  const events: string[] = [];
  const gates = [0, 1, 2, 3].map(() => Promise.withResolvers<void>());
  const done = gates.map((gate, index) => {
    const finished = Promise.withResolvers<void>();
    inbox.add(async () => {
      events.push(`take ${index}`);
      await gate.promise;
      finished.resolve();
    });
    return finished.promise;
  });
  const idle = new Promise<void>((resolve) => inbox.onIdle(resolve));
  const room = new Promise<void>((resolve) =>
    inbox.onRoom(() => {
      events.push("room");
      resolve();
    }),
  );
  expect(inbox.full).toBe(true);
  expect(events).toEqual(["take 0"]);
  for (const index of [1, 0]) gates[index]?.resolve();
  await Promise.all([done[0], done[1], room]);
  gates[2]?.resolve();
  gates[3]?.resolve();
  await idle;
  // Three waited behind the first; the room comes when two wait.
  expect(events).toEqual(["take 0", "take 1", "room", "take 2", "take 3"]);
  expect(inbox.size).toBe(0);
});
