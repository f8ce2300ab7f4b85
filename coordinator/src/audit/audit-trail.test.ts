import { expect, test } from "vitest";
import { ManualClock } from "../runtime/manual-clock.ts";
import { silentLog } from "../store/store-log.ts";
import { type AuditEntry, type AuditLog, NO_OBJECT, SYSTEM_ACTOR } from "./audit-entry.ts";
import { AuditTrail, AuditUnavailable, BATCH_MAX, OWED_MAX, OWED_RETRY_MS, WAITING_MAX } from "./audit-trail.ts";

/** Keeps entries by their request ids; writes only when the test lets it, and fails while the test says so. */
class FakeAuditLog implements AuditLog {
  readonly batches: string[][] = [];
  failure: Error | null = null;
  unstorable = "";
  #held: Promise<void> = Promise.resolve();

  hold(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#held = promise;
    return resolve;
  }

  async append(entries: readonly object[]): Promise<number[]> {
    const ids = entries.map((entry) => ("requestId" in entry ? String(entry.requestId) : "outcome"));
    await this.#held;
    if (this.failure !== null) throw this.failure;
    if (ids.includes(this.unstorable)) throw Object.assign(new Error("invalid byte sequence"), { code: "22021" });
    this.batches.push(ids);
    return ids.map((_, index) => this.batches.flat().length - ids.length + index + 1);
  }

  get kept(): string[] {
    return this.batches.flat();
  }
}

const entry = (requestId: string): AuditEntry => ({
  ...{ requestId, actor: SYSTEM_ACTOR, method: "m", permission: "", object: NO_OBJECT, decision: "allowed" },
  ...{ outcome: "", reason: "", counted: null, request: null, after: null },
});
const made = () => {
  const [log, clock] = [new FakeAuditLog(), new ManualClock()];
  return { log, clock, trail: new AuditTrail(log, clock, silentLog) };
};
const turns = () => new Promise<void>((resolve) => setImmediate(resolve));

test("what waits while an INSERT is under way is written with the next one, and each hears its own number", async () => {
  const { log, trail } = made();
  const release = log.hold();
  const first = trail.write(entry("0"));
  const others = Array.from({ length: BATCH_MAX + 1 }, (_, index) => trail.write(entry(String(index + 1))));
  release();
  expect(await first).toBe(1);
  expect(await Promise.all(others)).toEqual(others.map((_, index) => index + 2));
  expect(log.batches.map(({ length }) => length)).toEqual([1, BATCH_MAX, 1]);
});

test("an entry that cannot be written is refused, and the trail goes on when it can be again", async () => {
  const { log, trail } = made();
  log.failure = new Error("disk full");
  await expect(trail.write(entry("a"))).rejects.toThrow(AuditUnavailable);
  log.failure = null;
  await trail.write(entry("b"));
  expect(log.kept).toEqual(["b"]);
});

test("an entry that cannot be stored is refused alone", async () => {
  const { log, trail } = made();
  log.unstorable = "bad";
  const release = log.hold();
  const all = ["first", "good", "bad", "fine"].map((id) =>
    trail.write(entry(id)).then(
      () => id,
      () => `no ${id}`,
    ),
  );
  release();
  expect(await Promise.all(all)).toEqual(["first", "good", "no bad", "fine"]);
  expect(log.kept).toEqual(["first", "good", "fine"]);
});

test("so many may wait and not one more", async () => {
  const { log, trail } = made();
  const release = log.hold();
  const begun = trail.write(entry("begun"));
  const waiting = Array.from({ length: WAITING_MAX }, (_, index) => trail.write(entry(String(index))));
  await expect(trail.write(entry("one more"))).rejects.toThrow(/1000 entries wait/);
  release();
  await Promise.all([begun, ...waiting]);
  expect(log.kept).toHaveLength(WAITING_MAX + 1);
});

test("what has happened is written when the database is back, and no caller waits for that", async () => {
  const { log, clock, trail } = made();
  log.failure = new Error("away");
  await trail.settle(entry("late"));
  await clock.advance(3 * OWED_RETRY_MS, turns);
  expect(log.kept).toEqual([]);
  log.failure = null;
  await clock.advance(OWED_RETRY_MS, turns);
  expect(log.kept).toEqual(["late"]);
  await clock.advance(10 * OWED_RETRY_MS, turns);
  expect(log.kept).toEqual(["late"]);
});

test("of more than can be kept to be tried again the oldest is given up, and the end tries once more", async () => {
  const { log, trail } = made();
  log.failure = new Error("away");
  for (let index = 0; index <= OWED_MAX; index += 1) await trail.settle(entry(String(index)));
  log.failure = null;
  await trail.stop();
  expect(log.kept).toHaveLength(OWED_MAX);
  expect(log.kept[0]).toBe("1");
});
