import { fork } from "node:child_process";
import { join } from "node:path";
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

function ask(edits: readonly ConfigEdit[]): Promise<EditAnswer[]> {
  const child = fork(join(import.meta.dirname, "edit-process", "main.ts"), [], {
    execArgv: [`--max-old-space-size=${MEMORY_MIB}`],
    env: {},
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
  return new Promise((resolve) => {
    const all = (fault: string): EditAnswer[] => edits.map(() => ({ fault }));
    let answers = all(`takes more than ${EDIT_MS_MAX / 1_000} s or ${MEMORY_MIB} MiB to edit`);
    child.once("message", (message) => {
      answers = message as EditAnswer[];
      if (child.connected) child.disconnect();
    });
    child.once("error", (error) => {
      answers = all(`cannot be edited: ${error.message}`);
      if (child.pid === undefined) resolve(answers);
    });
    child.once("exit", () => resolve(answers));
    child.send(edits, () => {});
  });
}
