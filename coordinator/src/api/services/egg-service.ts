import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { EggFindingLevel } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import type { EggService, ImportEggRequest, ImportEggResponseSchema } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { Refusal } from "../../domain/refusal.ts";
import type { EggDefinition } from "../../eggs/egg-definition.ts";
import type { FindingLevel } from "../../eggs/interchange/egg-finding.ts";
import { EGG_SYNTAXES, isEggFormat } from "../../eggs/interchange/egg-format.ts";
import { slugOf } from "../../eggs/interchange/egg-id.ts";
import { exportEgg } from "../../eggs/interchange/export-egg.ts";
import { importEgg } from "../../eggs/interchange/import-egg.ts";
import { IMPORTED } from "../../eggs/interchange/read-egg.ts";
import { readContent } from "../../eggs/read-content.ts";
import { hiddenDefaults } from "../../eggs/reserved-variables.ts";
import { permitsSomewhere } from "../../permissions/grant.ts";
import { EggShelf } from "../../store/egg-shelf.ts";
import { eggById, findCategory, listCategories, listEggs } from "../../store/read-model/egg-readings.ts";
import { isPlain, quoted } from "../../store/read-model/lookup.ts";
import type { Caller } from "../call-context.ts";
import { demandSomewhere } from "../demand-permission.ts";
import { definitionView, type EggSight, eggView } from "../views/egg-view.ts";
import { callerOf, found, type PlaneContext, read } from "./plane-context.ts";

const LEVELS: Readonly<Record<FindingLevel, EggFindingLevel>> = {
  note: EggFindingLevel.NOTE,
  not_used: EggFindingLevel.NOT_USED,
  warning: EggFindingLevel.WARNING,
  error: EggFindingLevel.ERROR,
};

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
        return {
          eggs: page.rows.map((row) => eggView(row, sightOfEggs(callerOf(context)))),
          nextPageToken: page.nextPageToken,
          categories,
        };
      }),

    getEgg: async (request, context) => ({ egg: eggView(await reading(request.id), sightOfEggs(callerOf(context))) }),

    importEgg: (request, context) => importText(plane, shelf, request, callerOf(context)),

    async exportEgg(request, context) {
      const { definition } = (await reading(request.id)).row;
      demandHidden(callerOf(context), definition);
      const origin = await shelf.originOf(definition.id);
      const format = isEggFormat(request.format) ? request.format : (origin?.format ?? "lormas");
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

async function importText(
  plane: PlaneContext,
  shelf: EggShelf,
  request: ImportEggRequest,
  caller: Caller,
): Promise<MessageInitShape<typeof ImportEggResponseSchema>> {
  const wanted = request.category.trim();
  const shelved = wanted === "" ? null : await categoryFor(plane, wanted);
  const content = await readContent(request.content);
  const egg = importEgg(content, { id: request.id === "" ? null : request.id, categoryId: shelved?.id ?? null });
  const { categoryId } = egg.definition;
  const nameless = categoryId === IMPORTED.id ? IMPORTED.name : categoryId;
  const category = shelved ?? (await read(plane, (snapshot) => findCategory(snapshot, categoryId)));
  const categoryName = category?.name ?? nameless;
  const { replace, dryRun } = request;
  const { replaced, etag } = await shelf.put({ ...egg, categoryName }, { replace, dryRun, etag: request.etag });
  return {
    egg: { ...definitionView(egg.definition, categoryName, false, sightOfEggs(caller)), etag },
    findings: egg.findings.map(({ level, path, message }) => ({ level: LEVELS[level], path, message })),
    format: egg.format,
    syntax: content.syntax,
    replaced,
  };
}

/** Who may set what eggs keep from users, wherever that is, sees the defaults that they hide: eggs are the same everywhere. */
function sightOfEggs({ grants }: Caller): EggSight {
  return permitsSomewhere(grants, "egg:variable:override") ? "whole" : "masked";
}

/** Throws permission_denied where an egg's text would show a caller what it hides from him. */
function demandHidden(caller: Caller, egg: EggDefinition): void {
  const [name] = hiddenDefaults(egg);
  if (name === undefined) return;
  const why = `The egg ${egg.id} hides the default of ${name} from users, and its text shows it.`;
  demandSomewhere(caller, "egg:variable:override", { field: "id", why });
}

/** The category of this id or name; a new one when there is none. */
async function categoryFor(
  plane: PlaneContext,
  named: string,
): Promise<{ readonly id: string; readonly name: string }> {
  if (!isPlain(named)) {
    const message = `${quoted(named)} is no name for a category: it has control characters.`;
    throw new Refusal("invalid_argument", message, "Choose another name.", { field: "category" });
  }
  return (await read(plane, (snapshot) => findCategory(snapshot, named))) ?? { id: slugOf(named), name: named };
}

/** The refusal of an egg that is not there. */
export function noSuchEgg(code: "not_found" | "unknown_egg", id: string, field: string): Refusal {
  return new Refusal(code, `There is no egg ${quoted(id)}.`, "List the eggs and use one of their ids.", { field });
}
