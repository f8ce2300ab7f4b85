import { join } from "node:path";
import { runApart } from "@lormas/wire/apart/run-apart.ts";
import { parallelLimit } from "../executor/parallel-limit.ts";
import type { ConfigEdit } from "./config-edit.ts";

/** How long the files of one start may take; what takes longer is hostile. */
export const EDIT_MS_MAX = 10_000;
const MEMORY_MIB = 128;
/** Processes at once; who starts containers bounds how many wait for one. */
const limit = parallelLimit(2);

/** What became of one file: its text, null where there is none, or why it could not be read. */
export type EditAnswer = { readonly text?: string | null; readonly fault?: string };

/**
 * Edits files in a process of its own, whose end is its own: what a container has written into them may keep a parser or an
 * expression busy for ever, and the agent must go on sending heartbeats. Answers in the order of the edits; never rejects.
 */
export function editApart(edits: readonly ConfigEdit[]): Promise<EditAnswer[]> {
  return limit(() => ask(edits));
}

async function ask(edits: readonly ConfigEdit[]): Promise<EditAnswer[]> {
  const bounds = { msMax: EDIT_MS_MAX, memoryMib: MEMORY_MIB };
  const outcome = await runApart<EditAnswer[]>(join(import.meta.dirname, "edit-thread.ts"), edits, bounds);
  if (outcome.kind === "answered") return outcome.answer;
  const fault =
    outcome.kind === "unstarted"
      ? `cannot be edited: ${outcome.reason}`
      : `takes more than ${EDIT_MS_MAX / 1_000} s or ${MEMORY_MIB} MiB to edit`;
  return edits.map(() => ({ fault }));
}
