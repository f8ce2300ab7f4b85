import { nextMembership, prunedHistory } from "../domain/membership/next-membership.ts";
import type { Clock } from "./clock.ts";
import type { DecisionLoop } from "./decision-loop.ts";
import type { FleetState } from "./fleet-state.ts";
import type { FleetView, NodeRecord } from "./fleet-view.ts";
import type { RuntimeLog } from "./runtime-log.ts";
import { groupView, regroup, type SignsOf } from "./voting-group.ts";

/** How often every group is looked at; a change of voters is never urgent. */
const LOOK_MS = 500;

export type GroupKeeperPorts = {
  readonly clock: Clock;
  readonly loop: Pick<DecisionLoop, "submit">;
  readonly state: FleetState;
  readonly signsOf: SignsOf;
  readonly term: () => number | null;
  readonly log: RuntimeLog;
};

/** Keeps the voting groups: has their next epochs decided when one is due, and lets go of those nobody believes in. */
export class GroupKeeper {
  readonly #ports: GroupKeeperPorts;
  #cancel: (() => void) | null = null;
  #deciding = false;
  #stopped = true;

  constructor(ports: GroupKeeperPorts) {
    this.#ports = ports;
  }

  start(): void {
    this.#stopped = false;
    this.#later();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
    this.#cancel = null;
  }

  /** Looks at every group now. One decision at a time, however long a commit takes. */
  look(): void {
    const { state, term, loop, signsOf, log } = this.#ports;
    if (this.#deciding || term() === null) return;
    const due = dueGroups(state, signsOf);
    if (due.length === 0) return;
    this.#deciding = true;
    loop
      .submit((work) => {
        for (const clusterId of due) {
          prune(work, clusterId, signsOf);
          regroup(work, clusterId, signsOf);
        }
      })
      .catch((error: unknown) => log.warn({ error }, "the voting groups could not be changed; trying again"))
      .finally(() => {
        this.#deciding = false;
      });
  }

  #later(): void {
    if (this.#stopped) return;
    this.#cancel = this.#ports.clock.schedule(LOOK_MS, () => {
      this.look();
      this.#later();
    });
  }
}

function dueGroups(state: FleetState, signsOf: SignsOf): string[] {
  const nodesOf = Map.groupBy(state.nodes(), ({ facts }) => facts.clusterId);
  const due: string[] = [];
  for (const cluster of state.clusters()) {
    const own = nodesOf.get(cluster.id) ?? [];
    const changes = nextMembership(groupView(state, cluster, own, signsOf)) !== null;
    if (changes || prunes(state, cluster.id, own, signsOf)) due.push(cluster.id);
  }
  return due;
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
