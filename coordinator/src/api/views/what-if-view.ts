import type { MessageInitShape } from "@bufbuild/protobuf";
import type { WhatIfSchema } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { failoverBound, type LeasePolicy } from "@lormas/lease/lease-policy.ts";
import { type WhatIfContainer, withoutPlace } from "../../domain/placement/what-if.ts";
import type { WhatIfSummary } from "../../runtime/what-if-board.ts";

type WhatIfInit = MessageInitShape<typeof WhatIfSchema>;

/** Containers without a place that a short answer names. */
const NAMED_MAX = 10;

/** One node in short. */
export function whatIfSummaryView(summary: WhatIfSummary, clusterName: string): WhatIfInit {
  const { nodeId, nodeName, containers, waiting } = summary;
  return {
    nodeId,
    nodeName,
    clusterName,
    holds: summary.withoutPlace.length === 0,
    containerCount: containers,
    withoutPlaceCount: summary.withoutPlace.length,
    waitingCount: waiting,
    withoutPlace: summary.withoutPlace.slice(0, NAMED_MAX).map(({ containerName }) => containerName),
  };
}

/** One node with every container; the bound's terms are those of the cluster's policy. */
export function whatIfDetailView(
  node: { readonly nodeId: string; readonly nodeName: string; readonly clusterName: string },
  containers: readonly WhatIfContainer[],
  policy: LeasePolicy,
): WhatIfInit {
  const without = withoutPlace(containers);
  const blocked = containers.filter(({ blocker }) => blocker !== null).length;
  return {
    ...node,
    holds: without.length === 0,
    containerCount: containers.length,
    withoutPlaceCount: without.length,
    waitingCount: blocked - without.length,
    withoutPlace: without.slice(0, NAMED_MAX).map(({ containerName }) => containerName),
    containers: containers.map((container) => {
      const bound = failoverBound(policy, container.startBudgetMs);
      const blockedView = { downtimeMs: 0, downtimeTerms: [] };
      return {
        containerId: container.containerId,
        containerName: container.containerName,
        targetNodeId: container.targetNodeId ?? "",
        targetNodeName: container.targetNodeName,
        blockerCode: container.blocker?.code ?? "",
        blocker: container.blocker?.message ?? "",
        ...(container.blocker ? blockedView : { downtimeMs: bound.totalMs, downtimeTerms: [...bound.terms] }),
      };
    }),
  };
}
