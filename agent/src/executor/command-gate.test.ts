import { describe, expect, test } from "vitest";
import { applyRecord, EMPTY_JOURNAL, type JournalRecord } from "../journal/journal-state.ts";
import { testCommand, testSpec } from "../node/test-command.ts";
import { type GateView, gate } from "./command-gate.ts";

const spec = testSpec({ ha: true });
const id = spec.containerId;
const start = { case: "start" as const, value: { spec } };
const stop = { case: "stop" as const, value: { graceMs: 0 } };
const SESSION: JournalRecord[] = [
  { kind: "term", term: "3" },
  { kind: "session", session: "2" },
];
const now = { term: 3n, session: 2n };

function view(records: JournalRecord[] = [], init: Partial<GateView> = {}): GateView {
  return {
    journal: [...SESSION, ...records].reduce(applyRecord, EMPTY_JOURNAL),
    mayStart: true,
    leaving: false,
    ...init,
  };
}
const started = (epoch: string): JournalRecord => ({
  kind: "started",
  containerId: id,
  epoch,
  session: "2",
  spec: null,
});
const closed = (epoch: string): JournalRecord => ({ kind: "closed", containerId: id, epoch });

describe("a command", () => {
  test("of the present term, session and epoch runs under a lease", () => {
    expect(gate(testCommand(id, start, now), view())).toEqual({ kind: "run" });
  });

  test("with a known id answers the stored result, whatever has changed since", () => {
    const command = testCommand(id, start, { term: 1n, session: 1n });
    const known = view([{ kind: "result", commandId: command.commandId, result: { ok: true } }], { leaving: true });
    expect(gate(command, known)).toEqual({ kind: "replay", result: { ok: true } });
  });

  test.each([
    ["a lower term", testCommand(id, start, { ...now, term: 2n }), view(), "refused"],
    ["another session", testCommand(id, start, { ...now, session: 1n }), view(), "stale_session"],
    ["a later session than confirmed", testCommand(id, start, { ...now, session: 3n }), view(), "stale_session"],
    [
      "a session that was closed",
      testCommand(id, start, now),
      view([{ kind: "session_closed", session: "2" }]),
      "stale_session",
    ],
    ["an epoch that was passed", testCommand(id, start, { ...now, epoch: 4n }), view([started("5")]), "stale_epoch"],
    ["an epoch that was closed", testCommand(id, start, { ...now, epoch: 5n }), view([closed("5")]), "stale_epoch"],
    ["a stop of a passed epoch", testCommand(id, stop, { ...now, epoch: 4n }), view([started("5")]), "stale_epoch"],
    ["an HA start without a lease", testCommand(id, start, now), view([], { mayStart: false }), "no_lease"],
    ["an agent that leaves", testCommand(id, start, now), view([], { leaving: true }), "refused"],
    [
      "the start of another container",
      testCommand(id, { case: "start", value: { spec: testSpec() } }, now),
      view(),
      "refused",
    ],
    [
      "the preparation of another one",
      testCommand(id, { case: "prepare", value: { spec: testSpec() } }, now),
      view(),
      "refused",
    ],
    ["no action", testCommand(id, { case: undefined }, now), view(), "unknown_command"],
  ])("is refused for %s", (_why, command, seen, code) => {
    expect(gate(command, seen)).toMatchObject({ kind: "refuse", code });
  });

  test("that stops or removes a closed epoch may be repeated, without a lease too", () => {
    const seen = view([closed("5")], { mayStart: false });
    expect(gate(testCommand(id, stop, { ...now, epoch: 5n }), seen)).toEqual({ kind: "run" });
    const remove = { case: "remove" as const, value: { removeVolumes: true } };
    expect(gate(testCommand(id, remove, { ...now, epoch: 5n }), seen)).toEqual({ kind: "run" });
  });

  test("that starts a container without HA needs no lease", () => {
    const plain = { case: "start" as const, value: { spec: { ...spec, ha: false } } };
    expect(gate(testCommand(id, plain, now), view([], { mayStart: false }))).toEqual({ kind: "run" });
  });
});
