import { expect, test } from "vitest";
import { expectBoundKept } from "./shown-failover.ts";

/** A demo at the profile "fast": the target is chosen and the container answers after so many seconds. */
const demo = (chosenS: string, answeringS: string, away: string, held: boolean) => ({
  code: held ? 0 : 1,
  stderr: "",
  stdout: `Creating the HA container demo-1 from the egg hello-http
  bound 4.32 s = wait W 2.32 + heartbeat 0.2 + decision 0.3 + start 1.5

Killing node-1: its agent and everything it runs, with SIGKILL
  +  0.19 s  killed            4 processes of node-1
  +  ${chosenS} s  target chosen     demo-1 goes to node-2: best of 2 nodes
  +  ${answeringS} s  answering         3 good answers in a row from node-2

${away} s without service
bound 4.3 s: ${held ? "held" : "not held"}
`,
});

test("a demo that held its bound is answered with its figures", () => {
  expect(expectBoundKept(demo("2.35", "3.20", "3.2", true))).toEqual({ awayS: 3.2, boundS: 4.3 });
});

test("one whose start took longer than its budget has kept what comes before the start", () => {
  expect(expectBoundKept(demo("2.35", "4.54", "4.5", false))).toEqual({ awayS: 4.5, boundS: 4.3 });
});

test("one that decided too late has not, and neither has one that is late for no reason shown", () => {
  expect(() => expectBoundKept(demo("3.40", "5.20", "5.2", false))).toThrow();
  expect(() => expectBoundKept(demo("2.90", "4.35", "4.4", false))).toThrow("a slow start");
});

test("an exit code that says otherwise is refused", () => {
  expect(() => expectBoundKept({ ...demo("2.35", "3.20", "3.2", true), code: 1 })).toThrow();
});
