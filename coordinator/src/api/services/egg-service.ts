import type { ServiceImpl } from "@connectrpc/connect";
import type { EggService } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import type { EggDefinition } from "../../eggs/egg-definition.ts";
import type { EggOrigin } from "../../eggs/egg-origin.ts";
import { EGG_SYNTAXES, isEggFormat } from "../../eggs/interchange/egg-format.ts";
import { exportEgg } from "../../eggs/interchange/export-egg.ts";
import { originDocument } from "../../eggs/interchange/import-egg.ts";
import { readVariables } from "../../eggs/interchange/read-variables.ts";
import { hiddenDefaults } from "../../eggs/reserved-variables.ts";
import { EggShelf } from "../../store/egg-shelf.ts";
import { categoryPage, eggById, listCategories, listEggs } from "../../store/read-model/egg-readings.ts";
import { isPlain } from "../../store/read-model/lookup.ts";
import type { Caller } from "../call-context.ts";
import { demandSomewhere } from "../demand-permission.ts";
import { eggView } from "../views/egg-view.ts";
import { createEgg, importText, updateEgg } from "./egg-changing.ts";
import { noSuchEgg, sightOfEggs } from "./egg-lookup.ts";
import { callerOf, found, type PlaneContext, read } from "./plane-context.ts";

/** Eggs; see the proto. */
export function eggService(plane: PlaneContext): ServiceImpl<typeof EggService> {
  const shelf = new EggShelf(plane.orm, plane.clock);
  const reading = (id: string) =>
    read(plane, async (snapshot) => {
      return found(isPlain(id) ? await eggById(snapshot, id) : null, () => noSuchEgg("not_found", id, "id"));
    });
  return {
    listEggs: (request, context) =>
      read(plane, async (snapshot) => {
        const page = await listEggs(snapshot, request);
        const categories = await listCategories(snapshot);
        const sight = sightOfEggs(callerOf(context));
        return { eggs: page.rows.map((row) => eggView(row, sight)), nextPageToken: page.nextPageToken, categories };
      }),

    listEggCategories: (request) =>
      read(plane, async (snapshot) => {
        const { rows, nextPageToken } = await categoryPage(snapshot, request);
        return { categories: [...rows], nextPageToken };
      }),

    createEgg: (request, context) => createEgg(plane, shelf, request, sightOfEggs(callerOf(context))),

    updateEgg: (request, context) => updateEgg(plane, shelf, request, sightOfEggs(callerOf(context))),

    getEgg: async (request, context) => ({ egg: eggView(await reading(request.id), sightOfEggs(callerOf(context))) }),

    importEgg: (request, context) => importText(plane, shelf, request, sightOfEggs(callerOf(context))),

    async exportEgg(request, context) {
      const { definition } = (await reading(request.id)).row;
      const origin = await shelf.originOf(definition.id);
      const format = isEggFormat(request.format) ? request.format : (origin?.format ?? "lormas");
      demandHidden(callerOf(context), definition, format === "lormas" ? origin : null);
      const syntax = EGG_SYNTAXES.find((one) => one === request.syntax) ?? null;
      const { extraFields, ...exported } = exportEgg(definition, origin, format, syntax);
      return { ...exported, format, extraFields: [...extraFields] };
    },

    async deleteEgg(request) {
      await reading(request.id);
      await shelf.remove(request.id, request.etag, request.validateOnly);
      return {};
    },
  };
}

/** Throws permission_denied where an egg's text would show a caller what it hides from him, or what the document in that text hides. */
function demandHidden(caller: Caller, egg: EggDefinition, within: EggOrigin | null): void {
  const [own] = hiddenDefaults(egg);
  const [former] = within === null ? [] : hiddenDefaults({ variables: readVariables(originDocument(within)) });
  const name = own ?? former;
  if (name === undefined) return;
  const what = own === undefined ? `document that egg ${egg.id} came from` : `egg ${egg.id}`;
  const why = `The ${what} hides the default of ${name} from users, and its text shows it.`;
  demandSomewhere(caller, "egg:variable:override", { field: "id", why });
}
