import type { HandlerContext } from "@connectrpc/connect";
import { reachOf } from "../../permissions/grant.ts";
import type { Quotas } from "../../runtime/quota-admission.ts";
import { QuotaStore } from "../../store/quota-store.ts";
import { callerOf, type PlaneContext } from "./plane-context.ts";

/**
 * The quotas that a wish for a container of `owner`'s is held against ("": nobody's). What they are and what of them is used is for who
 * sees every container, and of his own for the owner; a refusal tells others only that a quota does not allow it.
 */
export async function heldQuotas(plane: PlaneContext, context: HandlerContext, owner: string): Promise<Quotas> {
  const held = await new QuotaStore(plane.orm, plane.clock).quotasFor(owner);
  const { grants, person } = callerOf(context);
  if (reachOf(grants, "container:view") === "everything") return held;
  const isHis = held.owner !== null && person === owner;
  return { ...held, told: { owner: isHis, clusters: false } };
}
