import { expect, test } from "vitest";
import type { Copy } from "../witness/copy-runs.ts";
import { failoverTimes } from "./failover-times.ts";
import type { Injury } from "./injury.ts";

const copies: readonly Copy[] = [
  { container: "web", epoch: 1, host: "host-1", id: "a", runs: [{ fromMs: 10_000, untilMs: 100_050 }] },
  { container: "web", epoch: 2, host: "host-2", id: "b", runs: [{ fromMs: 108_000, untilMs: 130_000 }] },
];
const injury = (host: string, fault: string, fromMs: number, untilMs: number): Injury => ({
  host,
  fault,
  fromMs,
  untilMs,
});
const cut = injury("host-1", "cut", 100_000, 120_000);
const moved = { container: "web", from: "host-1", begunMs: 106_700 };

test("a failover counts from the fault to the first beat of the copy elsewhere", () => {
  expect(failoverTimes([cut], [moved], () => copies)).toEqual([{ container: "web", fault: "cut", tookMs: 8_000 }]);
});

test("one in whose time something else was wrong is outside the bound", () => {
  for (const other of [
    injury("control", "coordinator-kill", 103_000, 104_000),
    injury("host-3", "lossy", 80_000, 90_000),
    injury("host-2", "dockerd-kill", 95_000, 140_000),
  ]) {
    expect(failoverTimes([other, cut], [moved], () => copies)).toEqual([]);
  }
  expect(failoverTimes([injury("host-3", "cut", 10_000, 84_000), cut], [moved], () => copies)).toHaveLength(1);
});

test("a node that goes by and by, and a container that did not run there, are not counted", () => {
  expect(failoverTimes([injury("host-1", "lossy", 100_000, 120_000)], [moved], () => copies)).toEqual([]);
  expect(failoverTimes([cut], [moved], () => copies.slice(1))).toEqual([]);
});
