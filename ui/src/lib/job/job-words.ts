import { JobState } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import type { Look } from "../components/status-look.ts";
import { plainText } from "../format/plain-text.ts";

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
