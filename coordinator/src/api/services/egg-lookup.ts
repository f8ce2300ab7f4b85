import { Refusal } from "../../domain/refusal.ts";
import { permitsSomewhere } from "../../permissions/grant.ts";
import { quoted } from "../../store/read-model/lookup.ts";
import type { Caller } from "../call-context.ts";
import type { EggSight } from "../views/egg-view.ts";

/** Who may set what eggs keep from users, wherever that is, sees the defaults that they hide: eggs are the same everywhere. */
export function sightOfEggs({ grants }: Caller): EggSight {
  return permitsSomewhere(grants, "egg:variable:override") ? "whole" : "masked";
}

/** The refusal of an egg that is not there. */
export function noSuchEgg(code: "not_found" | "unknown_egg", id: string, field: string): Refusal {
  return new Refusal(code, `There is no egg ${quoted(id)}.`, "List the eggs and use one of their ids.", { field });
}
