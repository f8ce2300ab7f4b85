import { LEASE_PROFILES } from "@lormas/lease/lease-policy.ts";
import { expect, test } from "vitest";
import { failoverBoundView } from "./failover-bound-view.ts";

const policy = LEASE_PROFILES.default;
const view = (group: Parameters<typeof failoverBoundView>[0]["group"], autoMigrate = true) =>
  failoverBoundView({ group, autoMigrate, startBudgetMs: 1_000 });

test("a bound is shown only where two nodes vote, with its terms; else the reason why there is none", () => {
  expect(view({ policy, voterCount: 2 })).toMatchObject({ totalMs: 8_532, terms: { length: 4 } });
  const without = [
    view(null),
    view({ policy, voterCount: 0 }),
    view({ policy: { ...policy, selfFencing: false }, voterCount: 0 }),
    view({ policy, voterCount: 2 }, false),
  ];
  for (const { totalMs, terms } of without) expect({ totalMs, terms }).toEqual({ totalMs: 0, terms: [] });
  expect(without.map(({ summary }) => summary)).toEqual([
    "no failover: no node has joined the cluster yet",
    "no failover yet: one node cannot prove another's death; it begins once two vote",
    "no failover, no self-fencing: one node; a second one makes both begin",
    "no failover by itself: automatic migration is off for this cluster",
  ]);
});
