import type { JsonObject } from "@bufbuild/protobuf";
import type { Change } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { plainText } from "../output/plain-text.ts";

/** Whose events belong to the demonstration. */
export interface TimelineSubject {
  readonly containerId: string;
  readonly nodeId: string;
}

const labels: Readonly<Record<string, string>> = {
  "node.heartbeat_lost": "heartbeat lost",
  "node.dead": "lease over",
  "migration.started": "migration begun",
  "migration.target_chosen": "target chosen",
  "migration.completed": "migration done",
  "migration.failed": "migration failed",
  "container.unplaced": "no room",
  "container.starting": "starting",
  "container.running": "running",
  "container.crashed": "crashed",
  "container.failed": "failed",
};

/** States of the migration that are steps of their own for a spectator. */
const stateLabels: Readonly<Record<string, string>> = { starting: "starting", verifying: "checking" };

const labelWidth = Math.max(...Object.values(labels).map((label) => label.length));

/** One step of the timeline as a line; undefined when the change is not one of its steps. */
export function timelineText(change: Change, subject: TimelineSubject): string | undefined {
  const { event } = change;
  if (event === undefined) return undefined;
  const label = event.type === "migration.state" ? stateLabels[stateOf(event.data)] : labels[event.type];
  if (label === undefined) return undefined;
  const concerns = event.type.startsWith("node.")
    ? event.nodeId === subject.nodeId
    : event.containerId === subject.containerId || change.migration?.containerId === subject.containerId;
  if (!concerns) return undefined;
  return stepText(label, event.type === "migration.target_chosen" ? targetText(change, event.message) : event.message);
}

/** A step that the demonstration itself sees. */
export function stepText(label: string, text: string): string {
  return `${label.padEnd(labelWidth)}  ${plainText(text)}`.trimEnd();
}

function stateOf(data: JsonObject | undefined): string {
  const state = data?.["state"];
  return typeof state === "string" ? state : "";
}

function targetText(change: Change, message: string): string {
  const summary = change.migration?.decision?.summary ?? "";
  return summary === "" || message.includes(summary) ? message : `${message}: ${summary}`;
}

/** "+ 6.71 s  lease over …". */
export function timelineLine(sinceMs: number, text: string): string {
  return `  +${(sinceMs / 1000).toFixed(2).padStart(6)} s  ${text}`;
}
