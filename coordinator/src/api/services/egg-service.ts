import type { ServiceImpl } from "@connectrpc/connect";
import type { EggService } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { Refusal } from "../../domain/refusal.ts";
import { eggById, listEggs } from "../../store/read-model/egg-readings.ts";
import { isPlain, quoted } from "../../store/read-model/lookup.ts";
import { eggView } from "../views/egg-view.ts";
import { found, type PlaneContext, read } from "./plane-context.ts";

/** Eggs; see the proto. */
export function eggService(plane: PlaneContext): ServiceImpl<typeof EggService> {
  return {
    listEggs: (request) =>
      read(plane, async (snapshot) => {
        const page = await listEggs(snapshot, request);
        return { eggs: page.rows.map(eggView), nextPageToken: page.nextPageToken };
      }),

    getEgg: (request) =>
      read(plane, async (snapshot) => {
        const reading = isPlain(request.id) ? await eggById(snapshot, request.id) : null;
        return { egg: eggView(found(reading, () => noSuchEgg("not_found", request.id, "id"))) };
      }),
  };
}

/** The refusal of an egg that is not there. */
export function noSuchEgg(code: "not_found" | "unknown_egg", id: string, field: string): Refusal {
  return new Refusal(code, `There is no egg ${quoted(id)}.`, "List the eggs and use one of their ids.", { field });
}
