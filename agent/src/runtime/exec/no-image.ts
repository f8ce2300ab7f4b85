import type { WorkloadSpec } from "@lormas/gen/lormas/agent/v1/workload_pb.ts";
import type { PullOrder } from "../container-runtime.ts";

/** Tells of a specification with an image that none of it is used here. */
export function noImage(spec: WorkloadSpec, pull: PullOrder | undefined): void {
  if (spec.image === "") return;
  pull?.found?.({ digest: "", note: "not pinned: it runs as a plain process, without its image (exec runtime)" });
}
