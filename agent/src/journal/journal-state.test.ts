import fc from "fast-check";
import { expect, test } from "vitest";
import {
  ACKED_RESULTS_MAX,
  applyRecord,
  compactRecords,
  EMPTY_JOURNAL,
  type JournalRecord,
  type JournalState,
  unackedResults,
} from "./journal-state.ts";

const number = fc.nat(9).map(String);
const id = fc.constantFrom("a", "b", "c");
const record: fc.Arbitrary<JournalRecord> = fc.oneof(
  fc.record({ kind: fc.constant("term" as const), term: number }),
  fc.record({ kind: fc.constant("session" as const), session: number }),
  fc.record({ kind: fc.constant("session_closed" as const), session: number }),
  fc.record({ kind: fc.constant("result" as const), commandId: id, result: fc.constant({ ok: true }) }),
  fc.record({ kind: fc.constant("result_acked" as const), commandId: id }),
  fc.record({
    kind: fc.constant("started" as const),
    containerId: id,
    epoch: number,
    session: number,
    spec: fc.constant({ ha: true }),
  }),
  fc.record({ kind: fc.constant("closed" as const), containerId: id, epoch: number }),
  fc.record({ kind: fc.constant("removed" as const), containerId: id }),
);
const replay = (records: readonly JournalRecord[]) => records.reduce(applyRecord, EMPTY_JOURNAL);
const plain = (state: JournalState) => ({
  ...state,
  results: Object.fromEntries(state.results),
  containers: Object.fromEntries(state.containers),
});

test("compaction loses nothing", () => {
  fc.assert(
    fc.property(fc.array(record, { maxLength: 60 }), (records) => {
      const state = replay(records);
      expect(plain(replay(compactRecords(state)))).toEqual(plain(state));
    }),
  );
});

test("terms, sessions and epochs never fall", () => {
  fc.assert(
    fc.property(fc.array(record, { maxLength: 40 }), record, (records, last) => {
      const before = replay(records);
      const after = applyRecord(before, last);
      expect(after.term >= before.term && after.session >= before.session).toBe(true);
      expect(after.closedSession >= before.closedSession).toBe(true);
      for (const [containerId, { epoch, closedEpoch }] of before.containers) {
        const now = after.containers.get(containerId);
        expect(now && now.epoch >= epoch && now.closedEpoch >= closedEpoch).toBe(true);
      }
    }),
  );
});

test("acknowledged results are kept up to a bound, unacknowledged ones always", () => {
  let state = applyRecord(EMPTY_JOURNAL, { kind: "result", commandId: "waiting", result: "first" });
  for (let n = 0; n <= ACKED_RESULTS_MAX; n += 1) {
    state = applyRecord(state, { kind: "result", commandId: `${n}`, result: n });
    state = applyRecord(state, { kind: "result_acked", commandId: `${n}` });
  }
  expect(state.results.size).toBe(ACKED_RESULTS_MAX + 1);
  expect(state.results.has("0")).toBe(false);
  expect(unackedResults(state)).toEqual(["first"]);
});
