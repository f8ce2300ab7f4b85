import { waitMs } from "@lormas/lease/lease-policy.ts";
import { presentEpoch } from "@lormas/lease/membership.ts";
import { type AlertRecord, alertKey } from "../domain/alert/alert.ts";
import { isAlone } from "../domain/membership/next-membership.ts";
import type { Clock } from "./clock.ts";
import type { DecisionLoop } from "./decision-loop.ts";
import type { FleetState } from "./fleet-state.ts";
import type { ClusterRecord, FleetView } from "./fleet-view.ts";
import type { BlockedDeath } from "./node-watch.ts";
import { RepeatedDecision } from "./repeated-decision.ts";
import type { RuntimeLog } from "./runtime-log.ts";
import type { UnitOfWork } from "./unit-of-work.ts";
import { groupView, type SignsOf } from "./voting-group.ts";

const LOOK_MS = 500;

export type SuspensionKeeperPorts = {
  readonly clock: Clock;
  readonly loop: Pick<DecisionLoop, "submit">;
  readonly state: FleetState;
  readonly blockedDeaths: () => readonly BlockedDeath[];
  /** What is known of every node at this moment. */
  readonly signs: () => SignsOf;
  readonly term: () => number | null;
  readonly log: RuntimeLog;
};

/** Why a group moves nothing by itself: who is silent, and who would have to prove that they are dead. */
export type Suspension = {
  readonly silent: readonly string[];
  /** Voters, by name, that have not held leases for the whole of W; the silent ones among them. */
  readonly missing: readonly string[];
  readonly needed: number;
  readonly confirmed: number;
  /** Nothing proves that what runs on one of them ends. */
  readonly unfenced: boolean;
};

/**
 * Says so when a group's majority is lost: its silent nodes may run on by each other's votes, so nothing of theirs is started
 * elsewhere. Said one W after it was noticed, since a voter that has just come back needs as long to prove its lease; taken
 * back by itself once every silent node is heard, or has been declared dead.
 */
export function suspensionKeeper(ports: SuspensionKeeperPorts): RepeatedDecision {
  const { clock, loop, term, log, state } = ports;
  return new RepeatedDecision({
    ...{ clock, loop, term, log },
    everyMs: LOOK_MS,
    complaint: "a suspension could not be stored; trying again",
    due: () => {
      const seen = { signsOf: ports.signs(), blocked: ports.blockedDeaths() };
      const changes = [...state.clusters()].flatMap((cluster) => changeOf(ports, seen, cluster) ?? []);
      if (changes.length === 0) return null;
      return (work) => {
        for (const change of changes) change(work);
      };
    },
  });
}

/** What all clusters are looked at with. */
type Seen = { readonly signsOf: SignsOf; readonly blocked: readonly BlockedDeath[] };

function changeOf(
  { state, clock }: Pick<SuspensionKeeperPorts, "state" | "clock">,
  seen: Seen,
  cluster: ClusterRecord,
): ((work: UnitOfWork) => void) | null {
  const standing = suspensionAlert(state, cluster.id);
  const history = state.membership(cluster.id);
  if (!history) return null;
  const blocked = blockedOf(state, seen, cluster);
  const wait = waitMs({ ...presentEpoch(history).policy, selfFencing: true });
  if (blocked.some(({ sinceMs }) => clock.bootMs() - sinceMs >= wait)) {
    const suspension = suspensionBy(state, blocked);
    if (standing && sameSuspension(standing, suspension)) return null;
    return (work) => suspend(work, cluster, suspension);
  }
  if (!standing || blocked.length > 0) return null;
  // A node that is silent still, at the beginning of a term for example, may be what it was suspended for.
  for (const { facts, snapshot } of state.nodes()) {
    const silent = snapshot.value === "unhealthy" || seen.signsOf(facts.id).undecided;
    if (facts.clusterId === cluster.id && silent) return null;
  }
  return (work) => resume(work, cluster);
}

// Nothing of a group that is alone could be moved to another node: it has no failover that could be suspended.
function blockedOf(state: FleetState, seen: Seen, cluster: ClusterRecord): BlockedDeath[] {
  const blocked = seen.blocked.filter(({ nodeId }) => state.node(nodeId)?.facts.clusterId === cluster.id);
  if (blocked.length === 0) return [];
  const own = [...state.nodes()].filter(({ facts }) => facts.clusterId === cluster.id);
  return isAlone(groupView(state, cluster, own, seen.signsOf)) ? [] : blocked;
}

/** The unresolved alert that says that a group moves nothing by itself. */
export function suspensionAlert(fleet: FleetView, clusterId: string): AlertRecord | undefined {
  return fleet.unresolvedAlert(alertKey("automatic_migration_suspended", clusterId));
}

function suspensionBy(fleet: FleetView, blocked: readonly BlockedDeath[]): Suspension {
  const silent = blocked.map(({ nodeId }) => fleet.node(nodeId)?.facts.name ?? nodeId).sort();
  const missing = new Set(blocked.flatMap(({ verdict }) => verdict.missing.map(({ nodeName }) => nodeName)));
  for (const name of silent) missing.add(name);
  const worst = blocked.reduce((a, b) =>
    b.verdict.needed - b.verdict.confirmed > a.verdict.needed - a.verdict.confirmed ? b : a,
  );
  const { needed, confirmed } = worst.verdict;
  const unfenced = blocked.some((death) => death.unfenced);
  return { silent, missing: [...missing].sort(), needed, confirmed, unfenced };
}

function sameSuspension(alert: AlertRecord, { silent, missing }: Suspension): boolean {
  return same(alert.data["silent"], silent) && same(alert.data["missing"], missing);
}

const same = (stored: unknown, now: readonly string[]): boolean =>
  Array.isArray(stored) && stored.length === now.length && now.every((name, index) => stored[index] === name);

function suspend(work: UnitOfWork, cluster: ClusterRecord, suspension: Suspension): void {
  const { silent, missing } = suspension;
  const first = suspensionAlert(work, cluster.id) === undefined;
  const message =
    `${cluster.name}: automatic migration is suspended. ` +
    `${list(silent)} ${silent.length === 1 ? "is" : "are"} silent, and ${reason(suspension)}`;
  const named = silent.map((name) => `--node ${name}`).join(" ");
  work.raiseAlert({
    kind: "automatic_migration_suspended",
    severity: "error",
    subject: { kind: "cluster", id: cluster.id },
    message,
    nextStep:
      `bring ${list(missing)} or the network back: it goes on by itself then; or, if ` +
      `they are off for certain, run: lormas cluster override ${cluster.name} ${named} --reason "…"`,
    data: { ...suspension, needed: Number.isFinite(suspension.needed) ? suspension.needed : null },
  });
  if (!first) return;
  work.addEvent({
    ...clusterEvent(cluster, "cluster.migration_suspended", "error", message),
    data: { clusterId: cluster.id, silent, missing },
  });
}

function reason({ missing, needed, confirmed, unfenced }: Suspension): string {
  if (unfenced) {
    return "had not confirmed yet that it fences itself, so it may run on for ever and nothing of it is started elsewhere";
  }
  if (!Number.isFinite(needed)) {
    return "fewer than two nodes vote yet, so nobody can prove its death and nothing of it is started elsewhere";
  }
  return (
    `only ${confirmed} of the ${needed} other voters that must have held leases have; missing: ${list(missing)}. ` +
    "The silent nodes may run on by each other's votes, so nothing of theirs is started elsewhere"
  );
}

function resume(work: UnitOfWork, cluster: ClusterRecord): void {
  work.resolveAlert("automatic_migration_suspended", { id: cluster.id });
  const message = `${cluster.name}: automatic migration goes on; no silent node is left whose death could not be proven`;
  work.addEvent(clusterEvent(cluster, "cluster.migration_resumed", "info", message));
}

function clusterEvent(cluster: ClusterRecord, type: string, severity: "info" | "error", message: string) {
  const data = { clusterId: cluster.id };
  return { type, severity, message, nodeId: null, containerId: null, migrationId: null, data };
}

const list = (names: readonly string[]): string => names.join(", ");
