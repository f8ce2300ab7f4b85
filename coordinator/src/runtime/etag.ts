import { hash } from "node:crypto";
import { completePolicy, type LeasePolicy } from "@lormas/lease/lease-policy.ts";
import { demandsOf } from "../domain/container/container-context.ts";
import type { MigrationLimits } from "../domain/migration/migration-limits.ts";
import { constraintTexts } from "../domain/placement/node-demands.ts";
import { Refusal } from "../domain/refusal.ts";
import type { Resources } from "../domain/resources.ts";
import { isSealed, type MaybeSealed } from "../domain/sealed-text.ts";
import { MASK, soundsSecret } from "../secrets/secret-name.ts";
import type { ClusterRecord, ContainerRecord, NodeFacts } from "./fleet-view.ts";

// An etag stands for what people have set of a thing, not for what it does: a container that moves or crashes keeps its own. It is a
// digest of exactly that, so that it is the same whichever coordinator says it, before and after a restart.

/** The same for values that are the same, whatever the order of their keys: those of a jsonb column come back in another. */
export function etagOf(value: unknown): string {
  const sorted = JSON.stringify(value, (_, inner: unknown) => {
    if (inner === null || typeof inner !== "object" || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
  return hash("sha256", sorted, "hex").slice(0, 24);
}

export type ContainerSettings = Resources & {
  readonly ha: boolean;
  readonly preferredClusterId: string | null;
  readonly allowDataLoss: boolean;
  readonly restartPriority: string;
  readonly crashesBeforeMove: number;
  /** As texts (node-demands.ts). */
  readonly constraints: readonly string[];
  readonly architectures: readonly string[];
  readonly environment: Readonly<Record<string, MaybeSealed>>;
  readonly image: string;
};

export function containerEtag(settings: ContainerSettings): string {
  const { ha, preferredClusterId, allowDataLoss, restartPriority, crashesBeforeMove, environment, image } = settings;
  const { cpuMillis, memoryBytes, diskBytes, constraints, architectures } = settings;
  const rest = [
    allowDataLoss,
    restartPriority,
    crashesBeforeMove,
    constraints,
    architectures,
    unguessable(environment),
    image,
  ];
  return etagOf([ha, preferredClusterId ?? null, cpuMillis, memoryBytes, diskBytes, ...rest]);
}

/** A digest of a secret that is plain, as rows from before secrets were sealed have them, would let whoever sees it try guesses at home. */
function unguessable(environment: ContainerSettings["environment"]): ContainerSettings["environment"] {
  const isOpenSecret = (name: string, value: MaybeSealed): boolean =>
    !isSealed(value) && value !== "" && soundsSecret(name);
  const entries = Object.entries(environment);
  return Object.fromEntries(entries.map(([name, value]) => [name, isOpenSecret(name, value) ? MASK : value]));
}

export function containerRecordEtag({ facts, snapshot }: ContainerRecord): string {
  const { ha, preferredClusterId, allowDataLoss, priority, crashesBeforeMove, resources } = snapshot.context;
  const { environment, spec } = facts;
  const demands = demandsOf(snapshot.context);
  return containerEtag({
    ...{ ha, preferredClusterId, allowDataLoss, restartPriority: priority, crashesBeforeMove },
    ...{ constraints: constraintTexts(demands), architectures: demands.architectures },
    ...{ ...resources, environment, image: spec.image },
  });
}

export type ClusterSettings = Pick<
  ClusterRecord,
  "description" | "autoMigrate" | "allowOtherClusters" | "nPlusOne" | "placement" | "floatingImages"
> & { readonly policy: LeasePolicy; readonly limits: MigrationLimits };

export function clusterEtag(settings: ClusterSettings): string {
  const { description, policy, autoMigrate, allowOtherClusters, nPlusOne, placement, limits } = settings;
  const rest = [
    autoMigrate,
    allowOtherClusters,
    nPlusOne,
    placement,
    limits,
    ...(settings.floatingImages ? ["float"] : []),
  ];
  return etagOf([description, completePolicy(policy), ...rest]);
}

export function nodeEtag({
  name,
  clusterId,
  priority,
  labels,
}: Pick<NodeFacts, "name" | "clusterId" | "priority" | "labels">) {
  return etagOf([name, clusterId, priority, labels]);
}

/** Refuses a change of a thing that is not as its caller saw it; an empty etag asks for nothing. `what`: "container web". */
export function refuseStale(given: string, present: string, what: string): void {
  // As HTTP writes it, in quotes, or as it is.
  const asked = given.replace(/^(W\/)?"(.*)"$/, "$2");
  if (asked === "" || asked === present) return;
  throw new Refusal(
    "etag_mismatch",
    `${what} was changed since you looked at it (its etag is ${present}, not ${asked})`,
    "look at it again, and send the change with its etag if it still fits",
    { field: "etag" },
  );
}
