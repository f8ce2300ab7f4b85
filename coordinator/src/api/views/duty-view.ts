import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { DutyState, type NodeDutySchema } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import type { NodeDuty } from "../../domain/maintenance/duty-machine.ts";

const STATE = {
  in_service: DutyState.IN_SERVICE,
  cordoned: DutyState.CORDONED,
  draining: DutyState.DRAINING,
  drained: DutyState.DRAINED,
  maintenance: DutyState.MAINTENANCE,
  returning: DutyState.RETURNING,
} as const;

/** A node's duty as the API shows it; a node of which nothing was ever decided is in service. */
export function dutyView(duty: NodeDuty | null | undefined): MessageInitShape<typeof NodeDutySchema> {
  if (!duty) return { state: DutyState.IN_SERVICE };
  return {
    state: STATE[duty.state],
    ...(duty.since === null ? {} : { since: timestampFromMs(duty.since) }),
    requestedBy: duty.by,
    maintenance: duty.maintenance,
    ...(duty.until === null ? {} : { until: timestampFromMs(duty.until) }),
    failback: duty.failback,
    moved: duty.left,
    items: duty.items.map(({ containerId, name, state, code, message, attempts, retryAt }) => ({
      containerId,
      containerName: name,
      state,
      code,
      message,
      attempts,
      ...(retryAt === null ? {} : { retryAt: timestampFromMs(retryAt) }),
    })),
    staying: [...duty.staying],
    resting: [...duty.resting],
    movedNames: duty.moved.map(({ name }) => name),
  };
}
