import { expect } from "vitest";
import type { CliOutcome } from "./fleet.ts";

/** What `lormas demo failover` has shown, in seconds. */
export type ShownFailover = { readonly awayS: number; readonly boundS: number };

const BOUND_TERMS =
  /^ {2}bound [\d.]+ s = wait W ([\d.]+) \+ heartbeat ([\d.]+) \+ decision ([\d.]+) \+ start ([\d.]+)$/m;
/** Times are shown in steps of 0.01 s, and one of a few milliseconds lies between the kill and the first step. */
const ROUNDING_S = 0.05;

/**
 * Expects that a demo has kept its bound, and answers what it showed. The last term of the bound is what the egg's start is given;
 * how long a start really takes is the machine's affair, not the product's, and a machine that runs tests beside it may take longer.
 * Then the demo must say so and the terms before the start must have been kept.
 */
export function expectBoundKept({ code, stdout, stderr }: CliOutcome): ShownFailover {
  expect(stderr, stdout).toBe("");
  const awayS = Number(/^(\d+\.\d) s without service$/m.exec(stdout)?.[1]);
  const [, shown, verdict] = /^bound (\d+\.\d) s: (held|not held)$/m.exec(stdout) ?? [];
  const boundS = Number(shown);
  expect(awayS, stdout).toBeGreaterThan(0);
  expect(boundS, stdout).toBeGreaterThan(0);
  if (verdict === "held") {
    expect(awayS, stdout).toBeLessThanOrEqual(boundS);
    expect(code, stdout).toBe(0);
    return { awayS, boundS };
  }
  const [waitS = 0, heartbeatS = 0, decisionS = 0, startS = 0] =
    BOUND_TERMS.exec(stdout)?.slice(1).map(Number) ?? expect.fail(`no terms of the bound in:\n${stdout}`);
  const killedS = shownAt(stdout, "killed");
  const decidedS = shownAt(stdout, "target chosen");
  expect(code, stdout).toBe(1);
  expect(decidedS, stdout).toBeLessThanOrEqual(killedS + waitS + heartbeatS + decisionS + ROUNDING_S);
  expect(shownAt(stdout, "answering") - decidedS, `a slow start is what may break it:\n${stdout}`).toBeGreaterThan(
    startS,
  );
  return { awayS, boundS };
}

/** When a step came, in seconds since the demo killed the node. */
function shownAt(stdout: string, step: string): number {
  const at = new RegExp(`^ {2}\\+ +([\\d.]+) s {2}${step} `, "m").exec(stdout)?.[1];
  return Number(at ?? expect.fail(`no step "${step}" in:\n${stdout}`));
}
