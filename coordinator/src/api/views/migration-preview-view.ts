import type { MessageInitShape } from "@bufbuild/protobuf";
import type { PreviewMigrationResponseSchema } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import type { MigrationPreview } from "../../runtime/migration-preview.ts";
import { resourcesView } from "./amounts.ts";
import { decisionView } from "./migration-view.ts";

const EXPLANATION = {
  stop: "the container's grace period on its present node, at most",
  start: "the egg's start budget on the other node",
} as const;

/** What a migration would do, as the API shows it to somebody who may see these nodes; null: all. */
export function migrationPreviewView(
  preview: MigrationPreview,
  visible: ReadonlySet<string> | null,
): MessageInitShape<typeof PreviewMigrationResponseSchema> {
  const { downtime } = preview;
  return {
    sourceNodeId: preview.sourceNodeId,
    sourceNodeName: preview.sourceNodeName,
    targetNodeId: preview.targetNodeId ?? "",
    targetNodeName: preview.targetNodeName,
    decision: decisionView(preview.decision, visible),
    waitsFor: preview.waitsFor,
    downtimeMs: downtime.reduce((sum, { ms }) => sum + ms, 0),
    downtimeTerms: downtime.map(({ name, ms }) => ({ name, ms, explanation: EXPLANATION[name] })),
    resources: resourcesView(preview.resources),
    warnings: [...preview.warnings],
  };
}
