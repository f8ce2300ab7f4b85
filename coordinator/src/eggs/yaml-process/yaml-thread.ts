// Reads one YAML text in a thread of a process of its own: see read-yaml-apart.ts.
import { parentPort, workerData } from "node:worker_threads";
import { DocumentFault } from "../interchange/document-fault.ts";
import { writeJson } from "../interchange/json-writer.ts";
import { readYaml } from "../interchange/yaml-reader.ts";
import type { YamlAnswer } from "./read-yaml-apart.ts";

function answerTo(text: string): YamlAnswer {
  try {
    return { json: writeJson(readYaml(text), false) };
  } catch (thrown) {
    return { fault: thrown instanceof DocumentFault ? thrown.message : "this is no YAML" };
  }
}

parentPort?.postMessage(answerTo(String(workerData)));
