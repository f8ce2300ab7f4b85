import { presentEpoch } from "@lormas/lease/membership.ts";
import type { Clock } from "./clock.ts";
import type { GroupReading, SuspensionReading, VoterReading } from "./cluster-wishes.ts";
import type { FleetState } from "./fleet-state.ts";
import type { NodeWatch } from "./node-watch.ts";
import { suspensionAlert } from "./suspension-keeper.ts";

export type GroupReadingParts = {
  readonly state: FleetState;
  readonly watch: Pick<NodeWatch, "coverageOf" | "signsOf">;
  readonly clock: Clock;
};

/** node-2 comes before node-10. */
const byName = new Intl.Collator("en", { numeric: true });

/** How a cluster's voting group stands; null before its first epoch. */
export function readGroup({ state, watch, clock }: GroupReadingParts, clusterId: string): GroupReading | null {
  const history = state.membership(clusterId);
  if (!history) return null;
  const { epoch, voters, policy } = presentEpoch(history);
  return {
    epoch,
    policy,
    epochsKept: history.length,
    voters: voters
      .map((voter): VoterReading => {
        const chart = state.node(voter.nodeId)?.snapshot.value;
        const { confirmed, confirmedEpoch } = watch.signsOf(voter.nodeId);
        const coverage = watch.coverageOf(voter.nodeId);
        const dead = chart === undefined || chart === "dead" || chart === "pending";
        return {
          ...voter,
          state: dead ? "dead" : chart === "unhealthy" ? "silent" : confirmed ? "holds_lease" : "not_heard",
          heldMs: confirmed && coverage ? Math.max(0, Math.floor(clock.bootMs() - coverage.fromMs)) : null,
          confirmedEpoch,
        };
      })
      .sort((a, b) => byName.compare(a.nodeName, b.nodeName)),
    suspension: readSuspension(state, clusterId),
  };
}

function readSuspension(state: FleetState, clusterId: string): SuspensionReading | null {
  const alert = suspensionAlert(state, clusterId);
  if (!alert) return null;
  const { openedAt, data, message, nextStep } = alert;
  return { sinceMs: openedAt, silent: names(data["silent"]), missing: names(data["missing"]), message, nextStep };
}

const names = (stored: unknown): string[] =>
  Array.isArray(stored) ? stored.filter((name) => typeof name === "string") : [];
