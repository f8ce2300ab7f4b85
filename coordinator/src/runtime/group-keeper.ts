import { isAlone, nextMembership, prunedHistory } from "../domain/membership/next-membership.ts";
import type { Clock } from "./clock.ts";
import type { DecisionLoop } from "./decision-loop.ts";
import type { FleetState } from "./fleet-state.ts";
import type { FleetView, NodeRecord } from "./fleet-view.ts";
import { LonelyGroups } from "./lonely-groups.ts";
import { RepeatedDecision } from "./repeated-decision.ts";
import type { RuntimeLog } from "./runtime-log.ts";
import { groupView, regroup, type SignsOf } from "./voting-group.ts";

/** How often every group is looked at; a change of voters is never urgent. */
const LOOK_MS = 500;

export type GroupKeeperPorts = {
  readonly clock: Clock;
  readonly loop: Pick<DecisionLoop, "submit">;
  readonly state: FleetState;
  /** What is known of every node at this moment. */
  readonly signs: () => SignsOf;
  readonly term: () => number | null;
  readonly log: RuntimeLog;
};

/** Keeps the voting groups: has their next epochs decided when one is due, and lets go of those nobody believes in. */
export function groupKeeper({ state, signs, ...ports }: GroupKeeperPorts): RepeatedDecision {
  const lonely = new LonelyGroups(ports.clock);
  return new RepeatedDecision({
    ...ports,
    everyMs: LOOK_MS,
    complaint: "the voting groups could not be changed; trying again",
    due: () => {
      const signsOf = signs();
      const seen = groupsSeen(state, signsOf);
      const alone = seen.filter(({ view }) => isAlone(view));
      lonely.see(
        ports.term(),
        alone.map(({ clusterId }) => clusterId),
      );
      const due = seen.filter(({ clusterId, own, view }) => {
        const next = nextMembership({ ...view, aloneForLong: lonely.aloneForLong(clusterId) });
        return next !== null || prunes(state, clusterId, own, signsOf);
      });
      if (due.length === 0) return null;
      return (work) => {
        const signsThen = signs();
        for (const { clusterId } of due) {
          prune(work, clusterId, signsThen);
          regroup(work, clusterId, signsThen, lonely.aloneForLong(clusterId));
        }
      };
    },
  });
}

function groupsSeen(state: FleetState, signsOf: SignsOf) {
  const nodesOf = Map.groupBy(state.nodes(), ({ facts }) => facts.clusterId);
  return [...state.clusters()].map((cluster) => {
    const own = nodesOf.get(cluster.id) ?? [];
    return { clusterId: cluster.id, own, view: groupView(state, cluster, own, signsOf) };
  });
}

function kept(fleet: FleetView, clusterId: string, own: readonly NodeRecord[], signsOf: SignsOf) {
  const history = fleet.membership(clusterId);
  if (!history || history.length === 1) return history;
  // What is dead believes in nothing: its session is over. What has never served was told nothing.
  const live = own.filter(({ snapshot }) => snapshot.value !== "dead" && snapshot.value !== "pending");
  return prunedHistory(
    history,
    live.map(({ facts }) => signsOf(facts.id)),
  );
}

function prunes(fleet: FleetView, clusterId: string, own: readonly NodeRecord[], signsOf: SignsOf): boolean {
  return kept(fleet, clusterId, own, signsOf)?.length !== fleet.membership(clusterId)?.length;
}

function prune(work: Parameters<typeof regroup>[0], clusterId: string, signsOf: SignsOf): void {
  const own = [...work.nodes()].filter(({ facts }) => facts.clusterId === clusterId);
  const history = kept(work, clusterId, own, signsOf);
  if (history && history.length !== work.membership(clusterId)?.length) work.setMembership(clusterId, history);
}
