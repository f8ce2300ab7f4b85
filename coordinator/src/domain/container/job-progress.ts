import type { JobKind } from "./job-kind.ts";

/** What a container's actor is at: its stored snapshot as far as progress is told from it. */
export type ActorStanding = {
  /** The states of both regions, as the machine's value has them. */
  readonly value: { readonly life: unknown; readonly migration: unknown };
  /** Why it is in its state; may be empty. */
  readonly reason: string;
  /** What its migration waits for in the queue; empty: nothing, or there is none. */
  readonly heldFor: string;
  /** Why its migration is rolled back; empty: it is not. */
  readonly moveError: string;
};

/** How far an operation has come. */
export type JobProgress = {
  /** The state that the container, or its migration, is in. */
  readonly step: string;
  readonly stepsDone: number;
  /** 0: nobody knows how many there are. */
  readonly stepsTotal: number;
  /** What it waits for, or why it goes back; may be empty. */
  readonly detail: string;
};

/** The way of a migration; one whose source is silent is fenced before it is prepared. */
const MOVE_STEPS = [
  "queued",
  "choosing",
  "preparing",
  "stopping_source",
  "transferring",
  "starting",
  "verifying",
  "committing",
  "cleaning_up",
];
const ROLLBACK_STEPS = ["closing_target", "restarting_source"];
/** A copy was commanded to start, and whether it runs is not known yet. */
const STARTING = ["starting", "backoff", "running", "unknown"];

/** How far an operation that is under way has come, told from its container's statechart alone. */
export function jobProgress(kind: JobKind, actor: ActorStanding): JobProgress {
  const [life = ""] = pathOf(actor.value.life);
  const [, move = "", inner = move] = pathOf(actor.value.migration);
  const isBack = move === "rolling_back";
  switch (kind) {
    case "migrate": {
      const detail = isBack ? actor.moveError : move === "queued" ? actor.heldFor : "";
      if (isBack) return { step: move, stepsDone: 0, stepsTotal: 0, detail };
      const place = MOVE_STEPS.indexOf(move === "fencing" ? "preparing" : move);
      return { step: move, stepsDone: Math.max(0, place), stepsTotal: MOVE_STEPS.length, detail };
    }
    case "cancel_migration": {
      const stepsDone = Math.max(0, ROLLBACK_STEPS.indexOf(inner));
      return { step: inner, stepsDone, stepsTotal: ROLLBACK_STEPS.length, detail: isBack ? actor.moveError : "" };
    }
    // A place, then a copy; a stop, then a copy.
    case "create":
    case "start":
    case "restart":
      return { step: life, stepsDone: STARTING.includes(life) ? 1 : 0, stepsTotal: 2, detail: actor.reason };
    default:
      return { step: life, stepsDone: 0, stepsTotal: 1, detail: actor.reason };
  }
}

/** The names of the states that a region is in, outermost first. */
function pathOf(value: unknown): string[] {
  if (typeof value === "string") return [value];
  if (typeof value !== "object" || value === null) return [];
  const [first] = Object.entries(value);
  return first === undefined ? [] : [first[0], ...pathOf(first[1])];
}
