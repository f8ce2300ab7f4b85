import { join } from "node:path";
import { runApart } from "@lormas/wire/apart/run-apart.ts";
import { Refusal } from "../../domain/refusal.ts";
import { DocumentFault } from "../interchange/document-fault.ts";
import type { DocumentValue } from "../interchange/document-value.ts";
import { readJson } from "../interchange/json-reader.ts";

/** How long a text may be read; what takes longer is hostile. An icon of half a MiB takes a second on a full machine. */
export const YAML_READ_MS_MAX = 10_000;
/** So many texts are read at once, and as many wait for one of them to end. */
export const PROCESSES_MAX = 2;
export const WAITING_MAX = 20;
const MEMORY_MIB = 256;

let running = 0;
const waiting: (() => void)[] = [];

/**
 * Reads YAML in a process of its own, whose end is its own: the library can be made to use all memory or to abort. The
 * process ends with the answer, after YAML_READ_MS_MAX, or with this one. Rejects with DocumentFault, and with the Refusal "busy"
 * when WAITING_MAX wait already.
 */
export async function readYamlApart(text: string): Promise<DocumentValue> {
  if (running < PROCESSES_MAX) running += 1;
  else if (waiting.length < WAITING_MAX) await new Promise<void>((resolve) => waiting.push(resolve));
  else throw new Refusal("busy", `${WAITING_MAX} eggs in YAML wait to be read already.`, "Try again in a second.");
  try {
    const answer = await ask(text);
    if (answer.json === undefined) throw new DocumentFault(answer.fault ?? "this is no YAML");
    return readJson(answer.json).value;
  } finally {
    // Whoever waits takes this one's place, so that nobody comes in between.
    const next = waiting.shift();
    if (next) next();
    else running -= 1;
  }
}

/** What the process answers: the document as JSON, or why there is none. */
export type YamlAnswer = { readonly json?: string; readonly fault?: string };

async function ask(text: string): Promise<YamlAnswer> {
  const bounds = { msMax: YAML_READ_MS_MAX, memoryMib: MEMORY_MIB };
  const outcome = await runApart<YamlAnswer>(join(import.meta.dirname, "yaml-thread.ts"), text, bounds);
  if (outcome.kind === "answered") return outcome.answer;
  if (outcome.kind === "unstarted") return { fault: `cannot be read: ${outcome.reason}` };
  return { fault: `takes more than ${YAML_READ_MS_MAX / 1_000} s or ${MEMORY_MIB} MiB to read` };
}
