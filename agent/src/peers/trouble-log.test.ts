import { pino } from "pino";
import { expect, test } from "vitest";
import { handClock } from "../clock/hand-clock.ts";
import { TroubleLog } from "./trouble-log.ts";

function rig() {
  const clock = handClock();
  const said: { msg: string; leftOut?: number }[] = [];
  const log = pino({}, { write: (line: string) => said.push(JSON.parse(line)) });
  return { clock, said, troubles: new TroubleLog(log, clock) };
}

test("says a lasting trouble once in half a minute, with how often it was left out", () => {
  const { clock, said, troubles } = rig();
  for (let n = 0; n < 61; n += 1) {
    troubles.say("node-2", "no answer", {});
    clock.advance(1_000);
  }
  expect(said.map(({ leftOut }) => leftOut)).toEqual([undefined, 29, 29]);
});

test("says another trouble of the same thing soon, but a flood of changing ones does not fill the disk", () => {
  const { clock, said, troubles } = rig();
  troubles.say("node-2", "no answer", {});
  clock.advance(1_000);
  troubles.say("node-2", "refused", {});
  for (let n = 0; n < 1_000; n += 1) troubles.say("node-2", `refused ${n}`, {});
  expect(said.map(({ msg }) => msg)).toEqual(["no answer", "refused"]);
});

test("forgets a thing that is well again, and the oldest of very many", () => {
  const { said, troubles } = rig();
  troubles.say("node-2", "no answer", {});
  troubles.well("node-2");
  troubles.say("node-2", "no answer", {});
  expect(said).toHaveLength(2);
  for (let n = 0; n < 300; n += 1) troubles.say(`other ${n}`, "no answer", {});
  troubles.say("node-2", "no answer", {});
  expect(said).toHaveLength(303);
});
