import type { WorkloadSpec } from "@lormas/gen/lormas/agent/v1/workload_pb.ts";
import type { GuardLink } from "../guard-client/guard-link.ts";
import type { Journal } from "../journal/journal.ts";
import { containerRecord } from "../journal/journal-state.ts";
import { type GuardedGroup, RuntimeFault } from "../runtime/container-runtime.ts";

/** Which copy is to be started. */
export type StartOrder = { readonly containerId: string; readonly epoch: bigint; readonly session: bigint };

/**
 * The last look before a workload's first instruction: an order that has become stale while it was carried out starts
 * nothing. What the guard must find by itself is handed over to it, and the guard lets it run. Rejects with RuntimeFault;
 * nothing has run then.
 */
export async function releaseStart(
  order: StartOrder,
  spec: WorkloadSpec,
  group: GuardedGroup | null,
  by: {
    readonly journal: Journal;
    readonly guard: GuardLink;
    /** Under a lease before its soft end; for a copy that had crashed, as long as what runs may run. */
    readonly mayStart: () => boolean;
    readonly leaving: () => boolean;
  },
): Promise<void> {
  const { journal, guard, mayStart, leaving } = by;
  const requireGood = () => {
    const { epoch, closedEpoch } = containerRecord(journal.state, order.containerId);
    const current = order.session === journal.state.session && order.session > journal.state.closedSession;
    if (leaving() || !current || order.epoch < epoch || order.epoch <= closedEpoch) {
      throw new RuntimeFault("start_failed", `container ${spec.containerName} was closed while it was being started`);
    }
    if (spec.ha && !mayStart()) {
      throw new RuntimeFault(
        "no_lease",
        "the lease ended while the container was being started: wait for the next heartbeats",
      );
    }
    if (spec.ha && !guard.answering) {
      throw new RuntimeFault("no_lease", "no guard answers on this node: another is started by itself, try later");
    }
  };
  requireGood();
  if (group) await guard.register(group);
  requireGood();
  if (group) await guard.enter(group);
}
