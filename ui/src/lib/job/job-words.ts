import { type Job, type JobProgress, JobState } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { type Look, stateWord } from "../components/status-look.ts";
import { plainText } from "../format/plain-text.ts";
import { formatSpan } from "../format/time.ts";

const looks: Readonly<Record<JobState, Look>> = {
  [JobState.UNSPECIFIED]: { tone: "unknown", word: "unknown" },
  [JobState.RUNNING]: { tone: "busy", word: "under way" },
  [JobState.SUCCEEDED]: { tone: "ok", word: "done" },
  [JobState.FAILED]: { tone: "bad", word: "failed" },
};

const words: Readonly<Record<string, string>> = {
  create: "Create",
  start: "Start",
  stop: "Stop",
  kill: "Kill",
  restart: "Restart",
  suspend: "Suspend",
  unsuspend: "Lift suspension",
  update: "Change",
  reinstall: "Reinstall",
  migrate: "Migrate",
  cancel_migration: "Cancel migration",
  delete: "Remove",
};

/** How far a job has come. A value that a newer coordinator invented is "unknown". */
export const jobLook = (state: JobState): Look => looks[state] ?? looks[JobState.UNSPECIFIED];

/** What was asked for; what a newer coordinator invented stays as it is. */
export const jobWord = (kind: string): string => words[kind] ?? plainText(kind);

/** Who asked: "user:ann@example.org" is ann@example.org, "token:ci" the token ci. */
export function requesterText(requestedBy: string): string {
  const [kind = "", ...rest] = requestedBy.split(":");
  const name = rest.join(":");
  if (name === "") return plainText(requestedBy);
  return plainText(kind === "token" ? `token ${name}` : name);
}

/** How far a job under way has come: "starting, step 2 of 5". Empty when nothing is said of it. */
export function progressText(progress: JobProgress | undefined): string {
  if (progress === undefined || progress.step === "") return "";
  const { step, stepsDone, stepsTotal } = progress;
  const word = plainText(stateWord(step));
  return stepsTotal === 0 ? word : `${word}, step ${Math.min(stepsDone + 1, stepsTotal)} of ${stepsTotal}`;
}

/** What a job came to: "running on node-2, from node-1, 412 ms without service". Empty when nothing is kept of it. */
export function resultText({ result }: Pick<Job, "result">): string {
  if (result === undefined || result.reached === "") return "";
  const { reached, nodeId, nodeName, sourceNodeId, sourceNodeName, downtimeMs } = result;
  const named = (id: string, name: string) => plainText(name || id);
  return [
    `${plainText(stateWord(reached))}${nodeId === "" ? "" : ` on ${named(nodeId, nodeName)}`}`,
    ...(sourceNodeId === "" || sourceNodeId === nodeId ? [] : [`from ${named(sourceNodeId, sourceNodeName)}`]),
    ...(downtimeMs === undefined ? [] : [`${formatSpan(Number(downtimeMs))} without service`]),
  ].join(", ");
}
