// Edits configuration files in a thread of a process of its own: see edit-apart.ts.
import { parentPort, workerData } from "node:worker_threads";
import { type ConfigEdit, editConfig } from "./config-edit.ts";
import { ConfigFault } from "./config-value.ts";
import type { EditAnswer } from "./edit-apart.ts";

function answerTo(edits: readonly ConfigEdit[]): EditAnswer[] {
  return edits.map((edit) => {
    try {
      return { text: editConfig(edit) };
    } catch (thrown) {
      return { fault: thrown instanceof ConfigFault ? thrown.message : "cannot be read" };
    }
  });
}

// Whoever starts this thread hands it edits.
parentPort?.postMessage(answerTo(workerData as ConfigEdit[]));
