import type { MessageInitShape } from "@bufbuild/protobuf";
import type { EggDraft } from "@lormas/gen/lormas/api/v1/egg_draft_pb.ts";
import { EggFindingLevel, type EggFindingSchema } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import type {
  CreateEggRequest,
  CreateEggResponseSchema,
  ImportEggRequest,
  ImportEggResponseSchema,
  UpdateEggRequest,
  UpdateEggResponseSchema,
} from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { Refusal } from "../../domain/refusal.ts";
import { BLANK_EGG, draftFindings, editedEgg } from "../../eggs/edited-egg.ts";
import type { EggFinding, FindingLevel } from "../../eggs/interchange/egg-finding.ts";
import { slugOf } from "../../eggs/interchange/egg-id.ts";
import { importEgg } from "../../eggs/interchange/import-egg.ts";
import { IMPORTED } from "../../eggs/interchange/read-egg.ts";
import { readContent } from "../../eggs/read-content.ts";
import type { EggShelf } from "../../store/egg-shelf.ts";
import { findCategory } from "../../store/read-model/egg-readings.ts";
import { isPlain, quoted } from "../../store/read-model/lookup.ts";
import { changesView, definitionView, type EggSight } from "../views/egg-view.ts";
import { draftMask, eggEdit } from "./egg-draft.ts";
import { noSuchEgg } from "./egg-lookup.ts";
import { type PlaneContext, read } from "./plane-context.ts";

const LEVELS: Readonly<Record<FindingLevel, EggFindingLevel>> = {
  note: EggFindingLevel.NOTE,
  not_used: EggFindingLevel.NOT_USED,
  warning: EggFindingLevel.WARNING,
  error: EggFindingLevel.ERROR,
};

type Category = { readonly id: string; readonly name: string };

/** Makes an egg of a text, or says what would come of it. */
export async function importText(
  plane: PlaneContext,
  shelf: EggShelf,
  request: ImportEggRequest,
  sight: EggSight,
): Promise<MessageInitShape<typeof ImportEggResponseSchema>> {
  const wanted = request.category.trim();
  const shelved = wanted === "" ? null : await categoryFor(plane, wanted, "category");
  const content = await readContent(request.content);
  const egg = importEgg(content, { id: request.id === "" ? null : request.id, categoryId: shelved?.id ?? null });
  const { categoryId } = egg.definition;
  const nameless = categoryId === IMPORTED.id ? IMPORTED.name : categoryId;
  const category = shelved ?? (await read(plane, (snapshot) => findCategory(snapshot, categoryId)));
  const { replace, dryRun } = request;
  const { replaced, etag, categoryName } = await shelf.put(
    { ...egg, categoryName: category?.name ?? nameless },
    { replace, dryRun, etag: request.etag },
  );
  return {
    egg: { ...definitionView(egg.definition, categoryName, false, sight), etag },
    findings: findingsView(egg.findings),
    format: egg.format,
    syntax: content.syntax,
    replaced: replaced !== null,
    ...(replaced === null ? {} : changesView(replaced.definition, egg.definition, sight)),
    replacedEtag: replaced?.etag ?? "",
  };
}

/** Makes an egg by hand. */
export async function createEgg(
  plane: PlaneContext,
  shelf: EggShelf,
  request: CreateEggRequest,
  sight: EggSight,
): Promise<MessageInitShape<typeof CreateEggResponseSchema>> {
  const draft = draftOf(request);
  demandNamed(draft, []);
  const category = await categoryFor(plane, draft.category.trim(), "egg.category");
  const blank = { ...BLANK_EGG, id: request.id === "" ? slugOf(draft.name) : request.id, categoryId: category.id };
  const definition = editedEgg(blank, eggEdit(draft, []));
  const egg = { definition, origin: null, categoryName: category.name };
  const { etag, categoryName } = await shelf.put(egg, { replace: false, dryRun: request.validateOnly, etag: "" });
  const view = definitionView(definition, categoryName, false, sight);
  return { egg: { ...view, etag }, findings: findingsView(draftFindings(definition)) };
}

/** Changes an egg by hand. */
export async function updateEgg(
  plane: PlaneContext,
  shelf: EggShelf,
  request: UpdateEggRequest,
  sight: EggSight,
): Promise<MessageInitShape<typeof UpdateEggResponseSchema>> {
  const { id, etag: seen, validateOnly } = request;
  const mask = draftMask(request.updateMask);
  const draft = draftOf(request);
  demandNamed(draft, mask);
  if (!isPlain(id)) throw noSuchEgg("not_found", id, "id");
  const moves = mask.length === 0 || mask.includes("category");
  const wanted = moves ? await categoryFor(plane, draft.category.trim(), "egg.category") : null;
  const edit = { ...eggEdit(draft, mask), ...(wanted === null ? {} : { categoryId: wanted.id }) };
  const { before, after, etag, categoryName } = await shelf.edit(id, { etag: seen, validateOnly }, (present) => {
    const definition = editedEgg(present, edit);
    return { definition, categoryName: wanted?.name ?? definition.categoryId };
  });
  const view = definitionView(after, categoryName, false, sight);
  return {
    egg: { ...view, etag },
    findings: findingsView(draftFindings(after)),
    ...changesView(before, after, sight),
  };
}

function draftOf({ egg }: { readonly egg?: EggDraft | undefined }): EggDraft {
  // The contract demands one.
  if (egg === undefined) throw new Refusal("invalid_argument", "egg: is missing.", "Give it.", { field: "egg" });
  return egg;
}

/** What every egg has. */
function demandNamed(draft: EggDraft, mask: readonly string[]): void {
  for (const field of ["name", "category"] as const) {
    if (draft[field].trim() !== "" || (mask.length > 0 && !mask.includes(field))) continue;
    const message = `egg.${field}: is empty.`;
    throw new Refusal("invalid_argument", message, `Give the egg a ${field}.`, { field: `egg.${field}` });
  }
}

function findingsView(findings: readonly EggFinding[]): MessageInitShape<typeof EggFindingSchema>[] {
  return findings.map(({ level, path, message }) => ({ level: LEVELS[level], path, message }));
}

/** The category of this id or name; a new one when there is none. Refuses a name whose id another one has. */
async function categoryFor(plane: PlaneContext, named: string, field: string): Promise<Category> {
  if (!isPlain(named)) {
    const message = `${quoted(named)} is no name for a category: it has control characters.`;
    throw new Refusal("invalid_argument", message, "Choose another name.", { field });
  }
  const id = slugOf(named);
  const [there, other] = await read(plane, async (snapshot) => {
    const there = await findCategory(snapshot, named);
    return [there, there ?? (await findCategory(snapshot, id))] as const;
  });
  if (there !== null) return there;
  if (other?.id !== id) return { id, name: named };
  const message = `The category ${quoted(named)} would have the id ${id}, which ${quoted(other.name)} has.`;
  throw new Refusal("invalid_argument", message, `Name it ${id} to mean that one, or choose another name.`, { field });
}
