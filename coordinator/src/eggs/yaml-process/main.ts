// Reads one YAML text for the coordinator that has started it, and ends. The reading is a thread's, so that this process hears
// when its time is up or the coordinator is gone.
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { DocumentFault } from "../interchange/document-fault.ts";
import { writeJson } from "../interchange/json-writer.ts";
import { readYaml } from "../interchange/yaml-reader.ts";
import { YAML_READ_MS_MAX, type YamlAnswer } from "./read-yaml-apart.ts";

function answerTo(text: string): YamlAnswer {
  try {
    return { json: writeJson(readYaml(text), false) };
  } catch (thrown) {
    return { fault: thrown instanceof DocumentFault ? thrown.message : "this is no YAML" };
  }
}

/** Not exit(): that would wait for the thread, which may be beyond hearing. */
const end = (): void => {
  process.kill(process.pid, "SIGKILL");
};

if (isMainThread) {
  setTimeout(end, YAML_READ_MS_MAX);
  process.once("disconnect", end);
  process.once("message", (text) => {
    const thread = new Worker(new URL(import.meta.url), { workerData: String(text) });
    thread.once("message", (answer: YamlAnswer) => process.send?.(answer));
    thread.once("error", end);
  });
} else {
  parentPort?.postMessage(answerTo(String(workerData)));
}
