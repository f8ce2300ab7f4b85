import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  MigrationOutcome,
  type MigrationSchema,
  MigrationTrigger,
  type PlacementDecisionSchema,
} from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import type { PlacementDecision } from "../../domain/placement/placement-decision.ts";
import type { MigrationReading } from "../../store/read-model/migration-readings.ts";
import { momentField } from "./amounts.ts";

const TRIGGER: Readonly<Record<string, MigrationTrigger>> = {
  auto: MigrationTrigger.AUTO,
  manual: MigrationTrigger.MANUAL,
  drain: MigrationTrigger.DRAIN,
  failback: MigrationTrigger.FAILBACK,
};

const OUTCOME: Readonly<Record<string, MigrationOutcome>> = {
  running: MigrationOutcome.RUNNING,
  completed: MigrationOutcome.COMPLETED,
  failed: MigrationOutcome.FAILED,
  cancelled: MigrationOutcome.CANCELLED,
};

/** From here on the container is committed to its target; runtime/fleet-operations.ts refuses by its chart. */
const PAST_CANCEL = ["committing", "cleaning_up"];

/** A migration as the API shows it to somebody who may see these nodes; null: all. */
export function migrationView(
  reading: MigrationReading,
  visible: ReadonlySet<string> | null,
): MessageInitShape<typeof MigrationSchema> {
  const { row } = reading;
  const downtimeMs = row.downtimeMs ?? null;
  const decision = row.decision ?? null;
  return {
    id: row.id,
    containerId: row.containerId,
    containerName: row.containerName,
    sourceNodeId: row.sourceNodeId,
    sourceNodeName: reading.sourceNodeName,
    targetNodeId: row.targetNodeId ?? "",
    targetNodeName: reading.targetNodeName,
    trigger: TRIGGER[row.trigger] ?? MigrationTrigger.UNSPECIFIED,
    outcome: OUTCOME[row.outcome] ?? MigrationOutcome.UNSPECIFIED,
    state: row.state,
    requestId: row.requestId,
    ...momentField("startedAt", row.startedAt),
    ...momentField("endedAt", row.endedAt),
    ...(downtimeMs === null ? {} : { downtimeMs: BigInt(downtimeMs) }),
    errorCode: row.errorCode,
    errorMessage: row.errorMessage,
    steps: reading.steps.map((step) => ({
      name: step.name,
      ...momentField("startedAt", step.startedAt),
      ...momentField("endedAt", step.endedAt),
      detail: step.detail,
    })),
    ...(decision === null ? {} : { decision: decisionView(decision, visible) }),
    asOf: reading.asOf,
    queuePosition: reading.queuePosition,
    waitingFor: row.state === "queued" ? (reading.steps.at(-1)?.detail ?? "") : "",
    cancellable: row.outcome === "running" && !PAST_CANCEL.includes(row.state),
  };
}

/** A placement decision as the API shows it to somebody who may see these nodes; null: all. The chosen one is named always. */
export function decisionView(
  decision: PlacementDecision,
  visible: ReadonlySet<string> | null,
): MessageInitShape<typeof PlacementDecisionSchema> {
  const { chosenNodeId } = decision;
  const candidates = decision.candidates.filter(
    ({ nodeId }) => visible === null || nodeId === chosenNodeId || visible.has(nodeId),
  );
  return {
    candidates: candidates.map((candidate) => ({
      nodeId: candidate.nodeId,
      nodeName: candidate.nodeName,
      eligible: candidate.droppedBy === null,
      droppedBy: candidate.droppedBy ?? "",
      reason: candidate.reason,
      score: candidate.score,
      scoreTerms: { ...candidate.scoreTerms },
    })),
    chosenNodeId: chosenNodeId ?? "",
    summary: decision.summary,
  };
}
