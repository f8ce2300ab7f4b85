import type { EntityManager } from "@mikro-orm/postgresql";
import { Refusal } from "../../domain/refusal.ts";
import { ClusterEntity, NodeEntity } from "../entities/fleet-entities.ts";
import { ContainerEntity } from "../entities/workload-entities.ts";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** True when the text has the form of an id; names that look like one are found by id first. */
export function isUuid(text: string): boolean {
  return UUID.test(text);
}

/**
 * `where` for a thing that is named by its id or its name. No name has control characters: PostgreSQL would refuse the
 * question as a whole where the answer is simply that there is no such thing.
 */
export function idOrName(text: string): { id: string } | { name: string } {
  if (isUuid(text)) return { id: text.toLowerCase() };
  return { name: isPlain(text) ? text : "" };
}

/** True when the text has no control characters, so that PostgreSQL takes it. */
export function isPlain(text: string): boolean {
  return !/[\u0000-\u001f\u007f]/.test(text);
}

/** The id of a cluster named by id or name. Refuses with unknown_cluster, or not_found when it is what the call is about. */
export async function findClusterId(
  em: EntityManager,
  named: string,
  field: string,
  code: "unknown_cluster" | "not_found" = "unknown_cluster",
): Promise<string> {
  const row = await em.findOne(ClusterEntity, idOrName(named), { fields: ["id"] });
  if (row === null) throw noCluster(named, field, code);
  return row.id;
}

/** The id of a node named by id or name. Refuses with unknown_node, or not_found when it is what the call is about. */
export async function findNodeId(
  em: EntityManager,
  named: string,
  field: string,
  code: "unknown_node" | "not_found" = "unknown_node",
): Promise<string> {
  const row = await em.findOne(NodeEntity, idOrName(named), { fields: ["id"] });
  if (row === null) throw noNode(named, field, code);
  return row.id;
}

/** The id of a container named by id or name. Refuses with not_found. */
export async function findContainerId(em: EntityManager, named: string, field: string): Promise<string> {
  const row = await em.findOne(ContainerEntity, idOrName(named), { fields: ["id"] });
  if (row === null) throw noContainer(named, field);
  return row.id;
}

/** The refusal of a container that is not there, named in `field`. */
export function noContainer(named: string, field: string): Refusal {
  return new Refusal(
    "not_found",
    `There is no container ${quoted(named)}.`,
    "List the containers and use one of their names; a removed one is gone.",
    { field },
  );
}

/** The refusal of a cluster that is not there. */
export function noCluster(named: string, field: string, code: "unknown_cluster" | "not_found"): Refusal {
  const nextStep = "List the clusters and use one of their names.";
  return new Refusal(code, `There is no cluster ${quoted(named)}.`, nextStep, { field });
}

/** The refusal of a node that is not there. */
export function noNode(named: string, field: string, code: "unknown_node" | "not_found"): Refusal {
  const nextStep = "List the nodes and use one of their names.";
  return new Refusal(code, `There is no node ${quoted(named)}.`, nextStep, { field });
}

/** The refusal of a migration that is not there. */
export function noMigration(id: string): Refusal {
  const nextStep = "List the migrations and use one of their ids.";
  return new Refusal("not_found", `There is no migration ${id}.`, nextStep, { field: "id" });
}

/** The refusal of an alert that is not there. */
export function noAlert(id: string): Refusal {
  const nextStep = "List the alerts and use one of their ids.";
  return new Refusal("not_found", `There is no alert ${id}.`, nextStep, { field: "id" });
}

/** A caller's text inside a message: quoted, control characters escaped, cut at 64 characters. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 64 ? `${text.slice(0, 64)}…` : text);
}
