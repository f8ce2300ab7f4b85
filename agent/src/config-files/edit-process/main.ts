// Edits configuration files for the agent that has started it, and ends. The editing is a thread's, so that this process hears when
// its time is up or the agent is gone.
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { type ConfigEdit, editConfig } from "../config-edit.ts";
import { ConfigFault } from "../config-value.ts";
import { EDIT_MS_MAX, type EditAnswer } from "../edit-apart.ts";

function answerTo(edits: readonly ConfigEdit[]): EditAnswer[] {
  return edits.map((edit) => {
    try {
      return { text: editConfig(edit) };
    } catch (thrown) {
      return { fault: thrown instanceof ConfigFault ? thrown.message : "cannot be read" };
    }
  });
}

/** Not exit(): that would wait for the thread, which may be beyond hearing. */
const end = (): void => {
  process.kill(process.pid, "SIGKILL");
};

if (isMainThread) {
  setTimeout(end, EDIT_MS_MAX);
  process.once("disconnect", end);
  process.once("message", (edits) => {
    const thread = new Worker(new URL(import.meta.url), { workerData: edits });
    thread.once("message", (answers: EditAnswer[]) => process.send?.(answers));
    thread.once("error", end);
  });
} else {
  parentPort?.postMessage(answerTo(workerData as ConfigEdit[]));
}
