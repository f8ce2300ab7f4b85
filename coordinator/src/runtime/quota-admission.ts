import { brokenQuota, NO_USE, plus, type Quota, type QuotaKind, type QuotaUse, quotaText } from "../domain/quota.ts";
import { Refusal } from "../domain/refusal.ts";
import type { ContainerRecord, FleetView } from "./fleet-view.ts";
import type { UnitOfWork } from "./unit-of-work.ts";

/** The quotas that a wish is held against, as they are when it is made. */
export type Quotas = {
  /** Of whom the container is; null: nobody bounds it. */
  readonly owner: { readonly name: string; readonly quota: Quota } | null;
  /** By cluster, those that have one. */
  readonly clusters: ReadonlyMap<string, Quota>;
  /** Whether a refusal tells whose quota it is, what it is and what is used; absent: everything is told. */
  readonly told?: { readonly owner: boolean; readonly clusters: boolean };
};

export const NO_QUOTAS: Quotas = { owner: null, clusters: new Map() };

const TOLD = { owner: true, clusters: true };

/**
 * Refuses what makes somebody, or a cluster, have more than the quota allows. `work` is the fleet as the wish would leave it, so that of
 * wishes that come together each is held against what the others were granted. What moves or fails over later is held against none.
 */
export function admitQuotas(work: UnitOfWork, containerId: string, { owner, clusters, told = TOLD }: Quotas): void {
  const container = work.container(containerId);
  if (!container) return;
  if (owner) {
    const isHis = ({ facts }: ContainerRecord): boolean => facts.owner === container.facts.owner;
    refuseBeyond(work, told.owner ? owner.name : "its owner", told.owner, owner.quota, isHis);
  }
  const clusterId = clusterOf(work, container);
  const quota = clusterId === null ? undefined : clusters.get(clusterId);
  if (clusterId === null || quota === undefined) return;
  const whose = `cluster ${work.cluster(clusterId)?.name ?? clusterId}`;
  refuseBeyond(work, whose, told.clusters, quota, (one, fleet) => clusterOf(fleet, one) === clusterId);
}

type Counts = (container: ContainerRecord, fleet: FleetView) => boolean;

function refuseBeyond(work: UnitOfWork, whose: string, isTold: boolean, quota: Quota, counts: Counts): void {
  const before = useOf(work.before(), counts);
  const after = useOf(work, counts);
  const kind = brokenQuota(quota, before, after);
  if (kind === null) return;
  const reason = isTold
    ? broken(whose, kind, quota[kind] ?? 0, before, after)
    : `the quota of ${whose} does not allow it`;
  throw new Refusal("quota_exceeded", reason, nextStep(kind), { field: FIELDS[kind] });
}

function broken(whose: string, kind: QuotaKind, limit: number, before: QuotaUse, after: QuotaUse): string {
  const asked = quotaText(kind, after[kind] - before[kind]);
  return `the quota of ${whose} is ${quotaText(kind, limit)}: ${quotaText(kind, before[kind])} used, ${asked} more asked for`;
}

const nextStep = (kind: QuotaKind): string =>
  kind === "containers"
    ? "remove containers that nobody needs, or ask who may set quotas (quota:manage)"
    : "ask for less, remove containers that nobody needs, or ask who may set quotas (quota:manage)";

const FIELDS: Readonly<Record<QuotaKind, string>> = {
  containers: "name",
  cpuMillis: "resources.cpu_millis",
  memoryBytes: "resources.memory_bytes",
  diskBytes: "resources.disk_bytes",
  ports: "host_ports",
};

/** Where a container counts: the cluster that it is in, or would like to be in while it is nowhere. */
function clusterOf(fleet: FleetView, { snapshot }: ContainerRecord): string | null {
  const { placement, preferredClusterId } = snapshot.context;
  return fleet.node(placement?.nodeId ?? "")?.facts.clusterId ?? preferredClusterId;
}

function useOf(fleet: FleetView, counts: Counts): QuotaUse {
  let use = NO_USE;
  for (const container of fleet.containers()) {
    if (!counts(container, fleet)) continue;
    const { resources } = container.snapshot.context;
    use = plus(use, { containers: 1, ...resources, ports: container.facts.spec.ports.length });
  }
  return use;
}
