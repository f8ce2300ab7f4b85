import type { ObservedWorkload } from "../domain/workload.ts";
import type { AgentIntake } from "../runtime/agent-intake.ts";
import type { UsageBoard } from "./usage-board.ts";

/**
 * The intake, which also tells the board what containers use. A report counts once the intake has taken it: from the run of the
 * agent that is served, and by the leader.
 */
export function measuringIntake(
  intake: AgentIntake,
  board: Pick<UsageBoard, "note">,
  nowMs: () => number,
): AgentIntake {
  const note = (nodeId: string, observed: ObservedWorkload): void => board.note(nodeId, observed, nowMs());
  return {
    leads: () => intake.leads(),
    hello: (nodeId, hello) => intake.hello(nodeId, hello),
    heartbeat: (nodeId, incarnation, heartbeat) => intake.heartbeat(nodeId, incarnation, heartbeat),
    attach: (nodeId, incarnation, session) => intake.attach(nodeId, incarnation, session),
    inventory: (nodeId, incarnation, session, workloads) => intake.inventory(nodeId, incarnation, session, workloads),
    commandResult: (nodeId, incarnation, result) => intake.commandResult(nodeId, incarnation, result),
    async report(nodeId, incarnation, observed) {
      await intake.report(nodeId, incarnation, observed);
      note(nodeId, observed);
    },
    goodbye: (nodeId, incarnation, session) => intake.goodbye(nodeId, incarnation, session),
  };
}
