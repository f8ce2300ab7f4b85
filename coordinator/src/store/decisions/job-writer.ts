import type { EntityManager } from "@mikro-orm/postgresql";
import type { JobChange } from "../../runtime/decision-store.ts";
import { JobEntity } from "../entities/workload-entities.ts";

/** Writes the record of operations: who asked for what, and how it ended. In order. */
export async function writeJobs(em: EntityManager, changes: readonly JobChange[], at: Date): Promise<void> {
  for (const change of changes) {
    if (change.kind === "begun") {
      const { id, containerId, containerName, job, requestedBy } = change;
      await em.insert(JobEntity, {
        id,
        containerId,
        containerName,
        kind: job,
        requestedBy: requestedBy.slice(0, 256),
        state: "running",
        createdAt: at,
      });
    } else {
      await em.nativeUpdate(
        JobEntity,
        { containerId: change.containerId, kind: { $in: [...change.jobs] }, endedAt: null },
        { state: change.error ? "failed" : "succeeded", error: change.error, endedAt: at },
      );
    }
  }
}
