import type { Command, CommandResult } from "@lormas/gen/lormas/agent/v1/agent_pb.ts";
import { containerRecord, type JournalState, UNACKED_RESULTS_MAX, unackedResults } from "../journal/journal-state.ts";

/** The codes of CommandResult.error_code. */
export type CommandErrorCode =
  | "stale_epoch"
  | "stale_session"
  | "no_lease"
  | "image_unavailable"
  | "port_taken"
  | "runtime_error"
  | "start_failed"
  | "engine_down"
  | "health_timeout"
  | "unsupported_runtime"
  | "disk_full"
  | "refused"
  | "timed_out"
  | "install_failed"
  | "config_failed"
  | "unknown_command";

/** What the agent holds at this moment, as far as commands depend on it. */
export type GateView = {
  readonly journal: JournalState;
  /** True before the lease's soft end. */
  readonly mayStart: boolean;
  /** True once the agent has begun to stop for good. */
  readonly leaving: boolean;
};

export type GateDecision =
  | { readonly kind: "run" }
  | { readonly kind: "replay"; readonly result: unknown }
  | { readonly kind: "refuse"; readonly code: CommandErrorCode; readonly reason: string };

/**
 * Decides what a command may do, before anything is touched. The order matters: a known id answers as it did before, whatever
 * has changed since; then term, session, epoch and lease are held against the journal.
 */
export function gate(command: Command, view: GateView): GateDecision {
  const { journal } = view;
  const stored = journal.results.get(command.commandId);
  if (stored) return { kind: "replay", result: stored.result };
  const refuse = (code: CommandErrorCode, reason: string): GateDecision => ({ kind: "refuse", code, reason });
  if (command.term < journal.term) {
    return refuse(
      "refused",
      `the command is of term ${command.term}, this node has obeyed term ${journal.term}: ask the present leader`,
    );
  }
  if (view.leaving) return refuse("refused", "the agent is about to stop: use another node");
  if (command.session !== journal.session || command.session <= journal.closedSession || command.session === 0n) {
    return refuse(
      "stale_session",
      `the command is of session ${command.session}, this node serves ${journal.session}` +
        `${journal.session <= journal.closedSession ? " and has closed it" : ""}: send it anew in the present one`,
    );
  }
  if (!command.action.case) return refuse("unknown_command", "this agent does not know the command: update the agent");
  if (namesAnother(command)) {
    return refuse("refused", "its specification is of another container than the command: send it corrected");
  }
  const container = containerRecord(journal, command.containerId);
  if (command.epoch < container.epoch) {
    return refuse(
      "stale_epoch",
      `epoch ${command.epoch} of the container is over here, ${container.epoch} was started since`,
    );
  }
  const makesRun = ["start", "prepare", "install"].includes(command.action.case);
  if (makesRun && command.epoch <= container.closedEpoch) {
    return refuse(
      "stale_epoch",
      `epochs up to ${container.closedEpoch} of the container are closed on this node: place it anew`,
    );
  }
  const { action } = command;
  if ((action.case === "start" || action.case === "install") && action.value.spec?.ha && !view.mayStart) {
    return refuse(
      "no_lease",
      "this node holds no lease, and an HA container starts only under one: wait for its heartbeats",
    );
  }
  if (unackedResults(journal).length >= UNACKED_RESULTS_MAX) {
    return refuse("refused", `${UNACKED_RESULTS_MAX} results wait to be acknowledged: acknowledge them first`);
  }
  return { kind: "run" };
}

/** True when a start or a preparation contradicts itself. */
function namesAnother({ action, containerId }: Command): boolean {
  const holdsSpec = action.case === "start" || action.case === "prepare" || action.case === "install";
  const spec = holdsSpec ? action.value.spec : undefined;
  return spec !== undefined && spec.containerId !== containerId;
}

/** The parts of a result that say how it went; the rest is filled in by the executor. */
export type CommandOutcome = Pick<CommandResult, "ok" | "errorCode" | "errorMessage">;

export const SUCCEEDED: CommandOutcome = { ok: true, errorCode: "", errorMessage: "" };

/** Bytes of error text that travel. */
const MESSAGE_CHARS_MAX = 1_900;

export function failed(code: CommandErrorCode, message: string): CommandOutcome {
  return { ok: false, errorCode: code, errorMessage: message.slice(0, MESSAGE_CHARS_MAX) };
}
