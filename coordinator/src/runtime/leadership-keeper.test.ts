import { expect, test } from "vitest";
import type { LeadershipRecord } from "../domain/leadership/leader-lease.ts";
import type { DecisionStore } from "./decision-store.ts";
import { LeadershipKeeper } from "./leadership-keeper.ts";
import { ManualClock } from "./manual-clock.ts";

const TTL_MS = 15_000;
const quiet = { info: () => {}, warn: () => {}, error: () => {} };

/** A leadership row whose database can be away, or answer late. */
class Row {
  record: LeadershipRecord | null = null;
  away = false;
  /** Holds the next renewal's answer back until it is called. */
  answer: (() => void) | null = null;
  holdBack = false;

  store(): DecisionStore {
    const here = async (): Promise<void> => {
      if (this.away) throw new Error("the database does not answer");
    };
    const row: Partial<DecisionStore> = {
      readLeadership: async () => {
        await here();
        return this.record;
      },
      takeLeadership: async (_seen, holder, ttlMs) => {
        await here();
        this.record = { holder, term: (this.record?.term ?? 0) + 1, renewals: 0, ttlMs };
        return this.record;
      },
      renewLeadership: async (holder, term) => {
        await here();
        if (this.record?.holder !== holder || this.record.term !== term) return false;
        if (this.holdBack) {
          await new Promise<void>((resolve) => {
            this.answer = resolve;
          });
        }
        return true;
      },
    };
    return row as DecisionStore; // The keeper asks for nothing else.
  }
}

async function leading() {
  const row = new Row();
  const clock = new ManualClock();
  const terms: number[] = [];
  const deposed: string[] = [];
  const keeper = new LeadershipKeeper({
    store: row.store(),
    clock,
    log: quiet,
    instance: "one",
    ttlMs: TTL_MS,
    onElected: async (term) => void terms.push(term),
    onDeposed: (reason) => void deposed.push(reason),
  });
  await keeper.start();
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  };
  return { row, clock, terms, deposed, keeper, settle, pass: (ms: number) => clock.advance(ms, settle) };
}

test("a database that is away for ten seconds, whenever that begins, costs no leader its term", async () => {
  for (let beginMs = 0; beginMs <= 5_000; beginMs += 500) {
    const { row, keeper, deposed, pass } = await leading();
    await pass(20_000 + beginMs);
    row.away = true;
    for (let passed = 0; passed < 10_000; passed += 100) {
      await pass(100);
      expect(keeper.term(), `${passed} ms into an outage that began at ${beginMs}`).toBe(1);
    }
    row.away = false;
    await pass(20_000);
    expect(keeper.term()).toBe(1);
    expect(deposed).toEqual([]);
    keeper.abandon();
  }
});

test("a lease that ran out is not revived by a late answer: a new term begins", async () => {
  const { row, keeper, terms, deposed, clock, settle, pass } = await leading();
  row.away = true;
  await pass(TTL_MS - 300);
  row.away = false;
  row.holdBack = true;
  await pass(250);
  expect(keeper.term()).toBe(1);
  await pass(200);
  expect(keeper.term()).toBeNull();
  row.holdBack = false;
  row.answer?.();
  await clock.advance(300, settle);
  expect(deposed).toEqual(["its lease ran out before the database answered"]);
  expect(terms).toEqual([1, 2]);
  expect(keeper.term()).toBe(2);
  keeper.abandon();
});

test("what the database says of the term counts at once, whatever the lease says", async () => {
  const { row, keeper, deposed, terms, pass } = await leading();
  await pass(1_000);
  row.record = { holder: "two", term: 2, renewals: 0, ttlMs: TTL_MS };
  keeper.overruled(7);
  expect(keeper.term()).toBe(1);
  keeper.overruled(1);
  expect(keeper.term()).toBeNull();
  expect(deposed).toEqual(["another coordinator leads"]);
  await pass(TTL_MS);
  expect(keeper.term(), "the other one's lease may still hold").toBeNull();
  await pass(TTL_MS);
  expect(terms).toEqual([1, 3]);
  keeper.abandon();
});
