import { expect, test } from "vitest";
import { type Copy, gapsBetween, overlapsOf, runsOf } from "./copy-runs.ts";

const copy = (id: string, ...beatsMs: readonly number[]): Copy => ({
  ...{ container: "web", epoch: 1, host: id, id },
  runs: runsOf(beatsMs),
});
const lengths = (...copies: readonly Copy[]): number[] => overlapsOf(copies).map(({ ms }) => ms);

test("a copy that was frozen did not run meanwhile", () => {
  expect(runsOf([0, 50, 100, 5_000, 5_050])).toEqual([
    { fromMs: 0, untilMs: 100 },
    { fromMs: 5_000, untilMs: 5_050 },
  ]);
});

test("two copies that follow each other do not overlap, also when one ends in the step in which the other begins", () => {
  expect(lengths(copy("a", 0, 50, 100), copy("b", 200, 250))).toEqual([]);
  expect(lengths(copy("a", 0, 50, 100), copy("b", 100, 150))).toEqual([]);
});

test("an overlap is as long as both ran, and names both copies", () => {
  const [one, other] = [copy("a", 0, 50, 100, 150), copy("b", 70, 120, 170)];
  expect(overlapsOf([one, other])).toEqual([{ ms: 80, fromMs: 70, copies: [one, other] }]);
});

test("one beat within the run of another copy is an overlap", () => {
  expect(lengths(copy("a", 0, 50, 100), copy("b", 50))).toEqual([10]);
});

test("a copy that is thawed beside its successor overlaps for as long as it lives on", () => {
  const frozen = copy("a", 0, 500, 9_000, 9_060);
  const successor = copy("b", 7_000, 7_900, 8_800, 9_500);
  expect(lengths(frozen, successor)).toEqual([60]);
});

test("three copies at once are three overlaps", () => {
  expect(lengths(copy("a", 0, 100), copy("b", 0, 100), copy("c", 0, 100))).toEqual([100, 100, 100]);
});

test("a gap is a time in which no copy ran", () => {
  expect(gapsBetween([copy("a", 0, 50, 100), copy("b", 300, 350)])).toEqual([{ ms: 200, fromMs: 100 }]);
  expect(gapsBetween([copy("a", 0, 900), copy("b", 300, 350), copy("c", 800, 1_000)])).toEqual([]);
  expect(gapsBetween([])).toEqual([]);
});
