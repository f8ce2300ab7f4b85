import { expect, test } from "vitest";
import { SWARM_DEFAULT, SWARM_FASTEST } from "../lab-hosts/swarm-contender.ts";
import { swarmCounts } from "./swarm-counts.ts";

const five = (awayS: number) => Array.from({ length: 5 }, () => awayS);

test("medians within a quarter of what is known count", () => {
  const rows = swarmCounts([
    { setting: SWARM_DEFAULT, awayS: five(16) },
    { setting: SWARM_FASTEST, awayS: five(4.5) },
  ]);
  expect(rows.map(({ value, reference }) => [value, reference?.value])).toEqual([
    [16, 19.4],
    [4.5, 3.7],
  ]);
});

test("one that is further off makes the run not count, and is named", () => {
  const measured = [
    { setting: SWARM_DEFAULT, awayS: five(19) },
    { setting: SWARM_FASTEST, awayS: five(5) },
  ];
  expect(() => swarmCounts(measured)).toThrow(
    "the run does not count: Swarm 0.5 s, delay 0, power-off: median of 5 is 5 s, known 3.7 s",
  );
});

test("of few runs nothing is held against anything, and a row says so", () => {
  const rows = swarmCounts([{ setting: SWARM_FASTEST, awayS: [9, 9] }]);
  expect(rows.at(-1)).toMatchObject({ value: 2, met: null, figure: expect.stringContaining("note: ") });
});
