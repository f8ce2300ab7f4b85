import { amountText } from "./resources.ts";

/** What a quota bounds. Resources are those that are reserved, ports those on hosts. */
export const QUOTA_KINDS = ["containers", "cpuMillis", "memoryBytes", "diskBytes", "ports"] as const;
export type QuotaKind = (typeof QUOTA_KINDS)[number];

/** How much of each somebody may have; null: as much as there is. */
export type Quota = Readonly<Record<QuotaKind, number | null>>;
/** How much of each somebody has. */
export type QuotaUse = Readonly<Record<QuotaKind, number>>;

export const NO_USE: QuotaUse = { containers: 0, cpuMillis: 0, memoryBytes: 0, diskBytes: 0, ports: 0 };

export function plus(a: QuotaUse, b: QuotaUse): QuotaUse {
  return {
    containers: a.containers + b.containers,
    cpuMillis: a.cpuMillis + b.cpuMillis,
    memoryBytes: a.memoryBytes + b.memoryBytes,
    diskBytes: a.diskBytes + b.diskBytes,
    ports: a.ports + b.ports,
  };
}

/**
 * What a change would break: the first kind that it makes more of, beyond what may be had. Whoever is above his quota already, because
 * it was lowered, may go on with less and with the same.
 */
export function brokenQuota(quota: Quota, before: QuotaUse, after: QuotaUse): QuotaKind | null {
  const breaks = (kind: QuotaKind): boolean => {
    const limit = quota[kind];
    return limit !== null && after[kind] > limit && after[kind] > before[kind];
  };
  return QUOTA_KINDS.find(breaks) ?? null;
}

/** An amount for people: "4 containers", "2 ports", or as resources are said. */
export function quotaText(kind: QuotaKind, amount: number): string {
  if (kind === "containers") return `${amount} ${amount === 1 ? "container" : "containers"}`;
  if (kind === "ports") return `${amount} ${amount === 1 ? "port" : "ports"}`;
  return amountText(kind, amount);
}
