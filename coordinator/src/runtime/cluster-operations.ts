import { LEASE_PROFILES } from "@lormas/lease/lease-policy.ts";
import { chosenPolicy } from "../domain/membership/policy-choice.ts";
import { DEFAULT_LIMITS, type MigrationLimits } from "../domain/migration/migration-limits.ts";
import { Refusal } from "../domain/refusal.ts";
import type { ClusterChange, ClusterWishes } from "./cluster-wishes.ts";
import type { DecisionLoop } from "./decision-loop.ts";
import { clusterEtag, refuseStale } from "./etag.ts";
import type { FleetState } from "./fleet-state.ts";
import type { ClusterRecord, FleetView, NodeRecord } from "./fleet-view.ts";
import type { NodeWatch } from "./node-watch.ts";
import type { UnitOfWork } from "./unit-of-work.ts";
import { regroup, type SignsOf } from "./voting-group.ts";

export type ClusterOperationsPorts = {
  readonly loop: Pick<DecisionLoop, "submit">;
  readonly state: FleetState;
  readonly watch: Pick<NodeWatch, "standing" | "overrule" | "lastHeartbeatWallMs">;
  readonly signsOf: SignsOf;
  readonly newId: () => string;
  /** Ends a node's streams. */
  readonly disconnect: (nodeId: string, reason: string) => void;
};

/** Operators' wishes of clusters, decided on the fleet as it is at that moment. */
export class ClusterOperations implements ClusterWishes {
  readonly #ports: ClusterOperationsPorts;

  constructor(ports: ClusterOperationsPorts) {
    this.#ports = ports;
  }

  createCluster(name: string, change: ClusterChange, by: string): Promise<{ clusterId: string }> {
    const clusterId = this.#ports.newId();
    return this.#ports.loop.submit((work) => {
      for (const other of work.clusters()) {
        if (other.name === name) {
          throw new Refusal("name_taken", `a cluster named ${name} exists already`, "choose another name", {
            field: "name",
          });
        }
      }
      const blank: ClusterRecord = {
        id: clusterId,
        name,
        description: "",
        policy: LEASE_PROFILES.default,
        autoMigrate: true,
        allowOtherClusters: false,
        nPlusOne: "warn",
        placement: "spread",
        createdAtMs: work.atMs,
        limits: DEFAULT_LIMITS,
      };
      work.setCluster(changed(blank, change));
      work.addEvent(event(clusterId, "cluster.created", `cluster ${name} was made by ${by}`, { by }));
      return { clusterId };
    });
  }

  updateCluster(clusterId: string, change: ClusterChange, by: string, etag = ""): Promise<void> {
    return this.#ports.loop.submit((work) => {
      const before = existing(work, clusterId);
      refuseStale(etag, clusterEtag(before), `cluster ${before.name}`);
      const after = changed(before, change);
      const said = differences(before, after);
      if (said.length === 0) return;
      work.setCluster(after);
      const message = `cluster ${after.name} was changed by ${by}: ${said.join(", ")}`;
      work.addEvent(event(clusterId, "cluster.updated", message, { by }));
      // In the same decision where it can be; else, as long as too many epochs are believed in, the keeper does it later.
      regroup(work, clusterId, this.#ports.signsOf);
      work.lookAgain();
    });
  }

  deleteCluster(clusterId: string, by: string, etag = ""): Promise<void> {
    return this.#ports.loop.submit((work) => {
      const cluster = existing(work, clusterId);
      refuseStale(etag, clusterEtag(cluster), `cluster ${cluster.name}`);
      const nodes = [...work.nodes()].filter(({ facts }) => facts.clusterId === clusterId);
      if (nodes.length > 0) {
        const names = nodes.slice(0, 10).map(({ facts }) => facts.name);
        throw new Refusal(
          "cluster_not_empty",
          `cluster ${cluster.name} has ${nodes.length} nodes: ${names.join(", ")}${nodes.length > 10 ? ", …" : ""}`,
          "only a cluster without nodes can be removed",
          { field: "id" },
        );
      }
      work.removeCluster(clusterId);
      work.resolveAlert("automatic_migration_suspended", { id: clusterId });
      work.addEvent(event(clusterId, "cluster.deleted", `cluster ${cluster.name} was removed by ${by}`, { by }));
    });
  }

  async overrideSuspension(clusterId: string, nodeIds: readonly string[], reason: string, by: string): Promise<void> {
    const { loop, state, watch, disconnect } = this.#ports;
    const cluster = existing(state, clusterId);
    const ids = [...new Set(nodeIds)];
    const nodes = ids.map((nodeId) => this.#overridable(cluster, nodeId));
    const names = nodes.map(({ facts }) => facts.name).join(", ");
    // From the check to the hold nothing else runs: no heartbeat of theirs can be acknowledged in between.
    await watch.overrule(ids, () =>
      loop.submit((work) => {
        const message = `${by} says that ${names} ${ids.length === 1 ? "is" : "are"} off for certain (${reason}): declared dead without the majority`;
        work.addEvent({
          ...event(clusterId, "cluster.override", message, { by, reason, nodeIds: ids }),
          severity: "warning",
        });
        for (const nodeId of ids) {
          const lastHeartbeatAt = watch.lastHeartbeatWallMs(nodeId);
          const waitedMs = Math.max(0, work.atMs - (lastHeartbeatAt ?? work.atMs));
          work.tellNode(nodeId, { type: "LEASE_OVER", at: work.atMs, lastHeartbeatAt, waitMs: waitedMs });
        }
        return new Map(ids.map((nodeId) => [nodeId, work.node(nodeId)?.snapshot.context.session ?? 0]));
      }),
    );
    for (const nodeId of ids) disconnect(nodeId, "the node was declared dead; say hello again");
  }

  #overridable(cluster: ClusterRecord, nodeId: string): NodeRecord {
    const node = this.#ports.state.node(nodeId);
    if (!node || node.facts.clusterId !== cluster.id) {
      const name = node?.facts.name ?? nodeId;
      throw new Refusal("unknown_node", `${name} is not a node of cluster ${cluster.name}`, "list its nodes", {
        field: "nodes",
      });
    }
    const { name } = node.facts;
    const standing = this.#ports.watch.standing(nodeId);
    switch (standing.kind) {
      case "lease_over":
        return node;
      case "lease_runs": {
        const seconds = (standing.leftMs / 1_000).toFixed(1);
        throw new Refusal(
          "lease_not_over",
          `${name} may hold its lease for ${seconds} s yet: until then nothing proves that its guard has killed`,
          `try again in ${seconds} s`,
          { field: "nodes", retryAfterMs: Math.ceil(standing.leftMs) },
        );
      }
      case "deciding":
        throw new Refusal("busy", `the death of ${name} is being decided already`, "look at it again in a moment", {
          retryAfterMs: 1_000,
        });
      case "heard":
        throw new Refusal("not_silent", `${name} is heard: it is not off`, "name only nodes that are silent", {
          field: "nodes",
        });
      case "dead":
        throw new Refusal("not_silent", `${name} has been declared dead already`, "name only nodes that are silent", {
          field: "nodes",
        });
      default:
        return standing satisfies never;
    }
  }
}

function existing(fleet: FleetView, clusterId: string): ClusterRecord {
  const cluster = fleet.cluster(clusterId);
  if (cluster) return cluster;
  throw new Refusal("not_found", `there is no cluster ${clusterId}`, "list the clusters to see which there are", {
    field: "id",
  });
}

function changed(before: ClusterRecord, change: ClusterChange): ClusterRecord {
  const policy = change.policy ? chosenPolicy(change.policy, before.policy) : before.policy;
  return {
    ...before,
    limits: { ...before.limits, ...change.limits },
    description: change.description ?? before.description,
    autoMigrate: change.autoMigrate ?? before.autoMigrate,
    allowOtherClusters: change.allowOtherClusters ?? before.allowOtherClusters,
    policy: { ...policy, survival: change.survival ?? policy.survival },
    nPlusOne: change.nPlusOne ?? before.nPlusOne,
    placement: change.placement ?? before.placement,
    floatingImages: change.floatingImages ?? before.floatingImages ?? false,
  };
}

function differences(before: ClusterRecord, after: ClusterRecord): string[] {
  const said: string[] = [];
  const { policy: was } = before;
  const { policy: is } = after;
  if (was.profile !== is.profile || was.intervalMs !== is.intervalMs || was.leaseMs !== is.leaseMs) {
    said.push(`profile ${is.profile} (interval ${is.intervalMs} ms, lease ${is.leaseMs} ms, kill ${is.killMs} ms)`);
  } else if (was.killMs !== is.killMs) said.push(`kill ${is.killMs} ms`);
  if (was.voteMs !== is.voteMs) said.push(`votes for ${is.voteMs} ms`);
  if (was.unhealthyMs !== is.unhealthyMs) said.push(`unhealthy after ${is.unhealthyMs} ms`);
  const { limits } = after;
  if (limitsSaid(before.limits) !== limitsSaid(limits)) {
    said.push(`limits ${limitsSaid(limits)} (were ${limitsSaid(before.limits)})`);
  }
  if (was.survival !== is.survival) said.push(`survival by votes ${is.survival ? "on" : "off"}`);
  if (before.autoMigrate !== after.autoMigrate) said.push(`automatic migration ${after.autoMigrate ? "on" : "off"}`);
  if (before.allowOtherClusters !== after.allowOtherClusters) {
    said.push(`other clusters ${after.allowOtherClusters ? "allowed" : "not allowed"}`);
  }
  if (before.nPlusOne !== after.nPlusOne) said.push(`N+1 policy ${after.nPlusOne} (was ${before.nPlusOne})`);
  if (before.placement !== after.placement) said.push(`placement ${after.placement} (was ${before.placement})`);
  const floats = after.floatingImages ?? false;
  if ((before.floatingImages ?? false) !== floats) said.push(`images ${floats ? "float" : "are pinned"}`);
  if (before.description !== after.description) said.push("description");
  return said;
}

function limitsSaid(limits: MigrationLimits): string {
  const { migrationsAtOnce, migrationsPerTarget, failoversPerTarget } = limits;
  return `${migrationsAtOnce} migrations at once, ${migrationsPerTarget} to a node, ${failoversPerTarget} failovers to a node`;
}

function event(
  clusterId: string,
  type: string,
  message: string,
  data: Readonly<Record<string, unknown>>,
): Parameters<UnitOfWork["addEvent"]>[0] {
  return {
    type,
    severity: "info",
    message,
    nodeId: null,
    containerId: null,
    migrationId: null,
    data: { clusterId, ...data },
  };
}
