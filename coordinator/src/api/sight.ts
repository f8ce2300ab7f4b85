import type { EntityManager } from "@mikro-orm/postgresql";
import { Refusal } from "../domain/refusal.ts";
import { permitAt, type Reach, reachOf } from "../permissions/grant.ts";
import type { PlacedKind } from "../permissions/method-rules.ts";
import type { Permission } from "../permissions/permission.ts";
import { type Located, locate } from "../store/read-model/located.ts";
import { noAlert, noCluster, noContainer, noMigration, noNode } from "../store/read-model/lookup.ts";
import type { Caller } from "./call-context.ts";

/** What shows a thing of each kind. Whoever has it not for a thing is told that there is no such thing. */
export const VIEW = {
  container: "container:view",
  node: "node:view",
  cluster: "cluster:view",
  migration: "migration:view",
  alert: "alert:view",
} as const satisfies Readonly<Record<PlacedKind, Permission>>;

/** What of a kind the caller may see. */
export function sightOf(caller: Caller, kind: PlacedKind): Reach {
  return reachOf(caller.grants, VIEW[kind]);
}

/**
 * The clusters in which what the caller does with a container may take room; null: all. Who has every permission that it asks for in a
 * cluster may use that; who has one for the container itself is not held back by it anywhere.
 */
export function confinedTo(
  { grants }: Caller,
  asked: readonly Permission[],
  containerId: string,
): ReadonlySet<string> | null {
  const fences = asked.flatMap((one) => {
    const reach = reachOf(grants, one);
    return reach === "everything" || reach.containerIds.includes(containerId) ? [] : [reach.clusterIds];
  });
  const [first, ...others] = fences;
  return first === undefined ? null : new Set(first.filter((id) => others.every((ids) => ids.includes(id))));
}

/** The refusal of something that is there, but not for this caller: to him it is the one of what is not there. */
export class Unseen extends Refusal {
  readonly kind: PlacedKind;
  readonly located: Located;
  /** What may not be seen, for people. */
  readonly what: string;

  constructor(said: Refusal, kind: PlacedKind, located: Located, what = `${kind} ${located.name}`) {
    super(said.code, said.message, said.nextStep, { field: said.field, retryAfterMs: said.retryAfterMs });
    this.kind = kind;
    this.located = located;
    this.what = what;
  }
}

/** Throws what is said of a thing that is not there, unless it is there and the caller may see it. */
export function mustBeSeen(
  caller: Caller,
  kind: PlacedKind,
  located: Located | null,
  said: Refusal,
): asserts located is Located {
  if (located === null) throw said;
  if (permitAt(caller.grants, VIEW[kind], located.place) === null) throw new Unseen(said, kind, located);
}

/** The thing of this name, which the caller may see. `code` for what is but mentioned by a call about something else. */
export async function mustSee(
  em: EntityManager,
  caller: Caller,
  kind: PlacedKind,
  named: string,
  field: string,
  code: "not_found" | "unknown" = "not_found",
): Promise<Located> {
  const located = await locate(em, kind, named);
  mustBeSeen(caller, kind, located, notThere(kind, named, field, code));
  return located;
}

/** What is said of a thing that is not there, whether it is not or may not be seen. */
export function notThere(kind: PlacedKind, named: string, field: string, code: "not_found" | "unknown"): Refusal {
  switch (kind) {
    case "container":
      return noContainer(named, field);
    case "node":
      return noNode(named, field, code === "unknown" ? "unknown_node" : code);
    case "cluster":
      return noCluster(named, field, code === "unknown" ? "unknown_cluster" : code);
    case "migration":
      return noMigration(named.toLowerCase());
    case "alert":
      return noAlert(named.toLowerCase());
    default:
      return kind satisfies never;
  }
}
