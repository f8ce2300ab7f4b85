import type { ReadyOutput, WorkloadSpec } from "@lormas/gen/lormas/agent/v1/workload_pb.ts";
import { type ReadyLine, readyLineOf } from "@lormas/wire/line-pattern.ts";
import type { BootClock, Timers } from "../clock/clock.ts";
import type { ContainerRuntime } from "../runtime/container-runtime.ts";
import type { SharedTurns } from "./shared-turns.ts";

/** What a specification that leaves it open gives a container to become ready. */
export const READY_BUDGET_MS_DEFAULT = 60_000;
/** For an agent that comes back after the budget: it looks at what was written meanwhile. */
const LOOK_MS_MIN = 1_000;
/** Until output that ended although the copy runs, as when its engine restarts, is read again. */
const AGAIN_MS = 500;
/** Of ECMA-48: control sequences, operating system commands, and escapes of one character. */
const TERMINAL_SEQUENCE = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[@-Z\\-_])/gu;

export type ReadyWait = "ready" | "late" | "ended";

/**
 * Waits until a copy that was started has written one of its lines, has ended, its budget is used up, or the signal cuts the wait.
 * Holds one line at a time. The lines are known ones: `specProblems` has said so.
 */
export async function awaitReadyOutput(
  spec: WorkloadSpec,
  ready: ReadyOutput,
  by: {
    readonly runtime: ContainerRuntime;
    readonly clock: BootClock;
    readonly timers: Timers;
    /** Those of all waits of the agent. */
    readonly turns: SharedTurns;
  },
  cut: AbortSignal,
): Promise<ReadyWait> {
  const { runtime, clock, timers } = by;
  const { containerId } = spec;
  const upMs = (await runtime.inspect(containerId))?.upMs ?? 0;
  const leftMs = Math.max(LOOK_MS_MIN, (ready.budgetMs || READY_BUDGET_MS_DEFAULT) - upMs);
  const endMs = clock.nowMs() + leftMs;
  const over = new AbortController();
  const cancel = timers.after(leftMs, () => over.abort());
  const ended = new AbortController();
  const look = () => void runs(runtime, containerId).then((lives) => !lives && ended.abort());
  const stopListening = runtime.onChange((changed) => {
    if (changed === containerId) look();
  });
  // It may have ended before anybody listened.
  look();
  const signal = AbortSignal.any([cut, over.signal, ended.signal]);
  const matches = lineMatcher(ready, by.turns, signal);
  try {
    while (!signal.aborted) {
      if (await found(runtime, containerId, matches, signal)) return "ready";
      if (signal.aborted) break;
      if (!(await runs(runtime, containerId))) return "ended";
      await timers.sleep(AGAIN_MS, signal);
    }
    return over.signal.aborted && clock.nowMs() >= endMs && !ended.signal.aborted && !cut.aborted ? "late" : "ended";
  } finally {
    cancel();
    stopListening();
  }
}

/** Unknown counts as running: whoever asks looks again. */
function runs(runtime: ContainerRuntime, containerId: string): Promise<boolean> {
  return runtime.inspect(containerId).then(
    (now) => now?.state === "running",
    () => true,
  );
}

async function found(
  runtime: ContainerRuntime,
  containerId: string,
  matches: (text: string) => Promise<boolean>,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    const lines = runtime.logs(containerId, { tailLines: 0, sinceStart: true, follow: true, signal });
    for await (const { text } of lines) if (await matches(text)) return true;
  } catch {
    // The engine is away, or the copy is gone: the next look tells.
  }
  return false;
}

function lineMatcher(ready: ReadyOutput, turns: SharedTurns, signal: AbortSignal): (text: string) => Promise<boolean> {
  const lines = ready.lines.map(readyLineOf).filter((line): line is ReadyLine => line !== null);
  return async (text) => {
    const plain = text.replace(TERMINAL_SEQUENCE, "");
    for (const line of lines) {
      if (signal.aborted) return false;
      if (await contains(plain, line, turns, signal)) return true;
    }
    return false;
  };
}

/** Part by part, since what a container prints must not hold up the agent that reads it. */
async function contains(plain: string, line: ReadyLine, turns: SharedTurns, signal: AbortSignal): Promise<boolean> {
  if ("text" in line) return turns.do(() => ({ work: plain.length, outcome: plain.includes(line.text) }));
  const search = line.pattern.search(plain);
  while (!signal.aborted) {
    const outcome = await turns.do(() => {
      const part = search.next();
      return part.done ? { work: 0, outcome: part.value } : { work: part.value, outcome: null };
    });
    if (outcome !== null) return outcome;
  }
  return false;
}
