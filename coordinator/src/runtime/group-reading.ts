import { presentEpoch } from "@lormas/lease/membership.ts";
import type { Clock } from "./clock.ts";
import type { GroupReading, SuspensionReading, VoterReading } from "./cluster-wishes.ts";
import type { FleetView } from "./fleet-view.ts";
import type { NodeWatch } from "./node-watch.ts";
import { suspensionAlert } from "./suspension-keeper.ts";

export type GroupReadingParts = {
  readonly fleet: FleetView;
  readonly watch: Pick<NodeWatch, "coverageOf" | "signsOf">;
  readonly clock: Clock;
};

/** node-2 comes before node-10. */
const byName = new Intl.Collator("en", { numeric: true });

/** How a cluster's voting group stands; null before its first epoch. */
export function readGroup({ fleet, watch, clock }: GroupReadingParts, clusterId: string): GroupReading | null {
  const history = fleet.membership(clusterId);
  if (!history) return null;
  const { epoch, voters, policy } = presentEpoch(history);
  return {
    epoch,
    policy,
    epochsKept: history.length,
    voters: voters
      .map((voter): VoterReading => {
        const chart = fleet.node(voter.nodeId)?.snapshot.value;
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
    suspension: readSuspension(fleet, clusterId),
  };
}

function readSuspension(fleet: FleetView, clusterId: string): SuspensionReading | null {
  const alert = suspensionAlert(fleet, clusterId);
  if (!alert) return null;
  const { openedAt, data, message, nextStep } = alert;
  return { sinceMs: openedAt, silent: names(data["silent"]), missing: names(data["missing"]), message, nextStep };
}

const names = (stored: unknown): string[] =>
  Array.isArray(stored) ? stored.filter((name) => typeof name === "string") : [];
