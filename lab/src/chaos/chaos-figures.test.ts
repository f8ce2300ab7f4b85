import { expect, test } from "vitest";
import { brokenPromises, type ChaosFigures, chaosTable } from "./chaos-figures.ts";

const kept: ChaosFigures = {
  ...{ faults: 40, containers: 12, copies: 80, overlapsMs: [], controlOverlapMs: 5_000 },
  ...{ acknowledged: 200, refused: 20, unanswered: 10, lost: [] },
  ...{ migrationsMs: [900, 1_000, 9_000], stuck: [] },
  failovers: [{ container: "a-1", fault: "cut", tookMs: 8_100 }],
  ...{ boundMs: 9_500, nodeHours: 0.2, falseDeaths: [], coordinatorFaults: 9 },
  ...{ events: 900, streamsBroken: 9, relisted: 0, eventViolations: [], looks: 150, exceeded: [], unsettled: "" },
};

test("a campaign that kept every promise has nothing to say against it", () => {
  expect(brokenPromises(kept, 3)).toEqual([]);
  expect(chaosTable(kept).join("\n")).toContain("3 ended, p50 1.0 s, p99 9.0 s, longest 9.0 s; 0 stuck");
});

test.each<[Partial<ChaosFigures>, string]>([
  [{ overlapsMs: [30] }, "two copies"],
  [{ controlOverlapMs: 0 }, "its silence means nothing"],
  [{ lost: ["a-1"] }, "acknowledged and lost: a-1"],
  [{ stuck: ["a-1: preparing"] }, "have not ended"],
  [{ failovers: [{ container: "a-1", fault: "cut", tookMs: 9_501 }] }, "a-1 after cut: 9501 ms"],
  [{ falseDeaths: ["host-1"] }, "without a reason: host-1"],
  [{ eventViolations: ["5 after 3"] }, "5 after 3"],
  [{ exceeded: ["host-1"] }, "more promised"],
  [{ unsettled: "a-1 is stopped" }, "does not settle"],
  [{ acknowledged: 29 }, "too little"],
  [{ events: 0 }, "no event"],
  [{ looks: 0 }, "nobody could look"],
])("%j breaks the campaign", (change, says) => {
  const broken = brokenPromises({ ...kept, ...change }, 3);
  expect(broken).toHaveLength(1);
  expect(broken[0]).toContain(says);
});
