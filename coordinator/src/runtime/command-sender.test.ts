import { expect, test } from "vitest";
import { CommandSender } from "./command-sender.ts";
import type { PendingCommand } from "./fleet-view.ts";

const NODE = "node-1";

/** Two nodes' streams; the first has room for so many commands until it is drained. */
function streams(roomFor: number) {
  const sent: string[] = [];
  const pending: PendingCommand[] = [];
  let room = roomFor;
  let tellRoom: (nodeId: string) => void = () => expect.fail("nobody listens");
  let term: number | null = 1;
  const sender = new CommandSender({
    link: {
      sendCommand: (nodeId, command) => {
        if (nodeId === NODE && room === 0) return false;
        if (nodeId === NODE) room -= 1;
        sent.push(`${command.commandId}/${command.term}`);
        return true;
      },
      onRoom: (callback) => {
        tellRoom = callback;
      },
    },
    pendingOf: (nodeId) => pending.filter((one) => one.nodeId === nodeId),
    secretKeyOf: () => null,
    clusterOf: () => "cluster-1",
    term: () => term,
  });
  const commit = (...names: string[]): void => {
    const fresh = names.map((name, index): PendingCommand => {
      const command = { commandId: name, term: 1, session: 1, containerId: "c", epoch: 1, timeoutMs: 1, requestId: "" };
      const position = pending.length + 1 + index;
      return { position, nodeId: NODE, ordinal: 1, command: { ...command, action: { kind: "stop", graceMs: 0 } } };
    });
    pending.push(...fresh);
    sender.send(fresh);
  };
  const drain = (): void => {
    room = roomFor;
    tellRoom(NODE);
  };
  return { sent, pending, sender, commit, drain, lead: (next: number | null) => (term = next) };
}

test("what a stream has no room for is sent once there is, in the order of commits and once each", () => {
  const { sent, commit, drain } = streams(2);
  commit("a", "b", "c", "d", "e");
  commit("f");
  expect(sent).toEqual(["a/1", "b/1"]);
  drain();
  expect(sent).toEqual(["a/1", "b/1", "c/1", "d/1"]);
  drain();
  drain();
  expect(sent).toEqual(["a/1", "b/1", "c/1", "d/1", "e/1", "f/1"]);
});

test("a node that attaches anew is sent everything that waits, under the present term", () => {
  const { sent, pending, sender, commit, lead } = streams(9);
  commit("a", "b");
  pending.shift();
  lead(2);
  sender.sendAll(NODE);
  expect(sent).toEqual(["a/1", "b/1", "b/2"]);
});

test("without a term nothing is sent", () => {
  const { sent, sender, commit, drain, lead } = streams(1);
  commit("a", "b");
  lead(null);
  drain();
  commit("c");
  sender.sendAll(NODE);
  expect(sent).toEqual(["a/1"]);
});
