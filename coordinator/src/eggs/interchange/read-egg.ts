import { Refusal } from "../../domain/refusal.ts";
import type { EggDefinition } from "../egg-definition.ts";
import { panelStartup } from "../panel-startup.ts";
import { textAt } from "./document-fields.ts";
import { type DocumentRecord, isRecord } from "./document-value.ts";
import type { EggFinding } from "./egg-finding.ts";
import { slugOf } from "./egg-id.ts";
import { checkEggFields, type EggFields } from "./egg-schema.ts";
import {
  ALLOCATION_PORTS,
  PANEL_GRACE_MS,
  PANEL_RESOURCES,
  PANEL_START_BUDGET_MS,
  SERVER_VOLUMES,
} from "./panel-defaults.ts";
import { panelFindings } from "./panel-findings.ts";
import { readImages, readPanelFacts } from "./read-panel.ts";
import { readVariables, VARIABLES_MAX, variableRecords } from "./read-variables.ts";
import { panelStop } from "./stop-signal.ts";

/** The key, which panels overlook, under which a panel's egg carries what only Lormas knows. */
export const LORMAS_KEY = "lormas";
/** The version of an egg that does not say when it was exported. */
const VERSION_DEFAULT = "1";
const NAME_MAX = 1_024;

export type EggReading = { readonly definition: EggDefinition; readonly findings: readonly EggFinding[] };

/** Where an egg goes: under which id (null: its own, or its name's slug), on which shelf (null: its own, or IMPORTED). */
export type EggPlace = { readonly id: string | null; readonly categoryId: string | null };

/** The shelf of eggs that nobody has chosen one for. */
export const IMPORTED = { id: "imported", name: "Imported" } as const;

/**
 * What a panel's document says, as an egg that runs on docker. Reads every spelling that panels have had. Throws a Refusal for a
 * document that is no egg; whatever else is amiss is a finding.
 */
export function readEgg(document: DocumentRecord, place: EggPlace): EggReading {
  const name = eggName(document);
  const count = variableRecords(document).length;
  if (count > VARIABLES_MAX) throw noEgg(`It has ${count} variables; at most ${VARIABLES_MAX}.`, "Take some out.");
  const own = ownFields(document);
  const findings = [...panelFindings(document), ...own.findings];
  const definition = withFields(derive(document, name), own.fields);
  const id = place.id ?? own.fields.id ?? slugOf(name);
  const categoryId = place.categoryId ?? own.fields.categoryId ?? IMPORTED.id;
  return { definition: { ...definition, id, categoryId }, findings };
}

function eggName(document: DocumentRecord): string {
  const name = textAt(document, "name").trim();
  const parts = ["startup", "startup_commands", "docker_images", "images", "image", "variables", "config", "scripts"];
  if (!parts.some((part) => document.has(part))) {
    throw noEgg(`It has none of ${parts.join(", ")}.`, "Give the JSON or YAML that a panel's export of one egg is.");
  }
  if (name === "") throw noEgg("It has no name.", "Give it a name.");
  if (name.length > NAME_MAX)
    throw noEgg(`Its name has ${name.length} characters; at most ${NAME_MAX}.`, "Shorten it.");
  return name;
}

/** The refusal of a document that is no egg. */
export function noEgg(reason: string, nextStep: string): Refusal {
  return new Refusal("invalid_argument", `This is no egg: ${reason}`, nextStep, { field: "content" });
}

function derive(document: DocumentRecord, name: string): EggDefinition {
  const panel = readPanelFacts(document);
  const images = readImages(document);
  const [command] = panel.startupCommands;
  return {
    id: slugOf(name),
    name: textAt(document, "name"),
    description: textAt(document, "description"),
    categoryId: "",
    version: [...panel.exportedAt].slice(0, 32).join("") || VERSION_DEFAULT,
    image: images[0]?.image ?? "",
    images,
    startup: { docker: command === undefined ? "" : panelStartup(command.command) },
    variables: readVariables(document),
    ports: ALLOCATION_PORTS,
    volumes: SERVER_VOLUMES,
    stop: { signal: panelStop(panel.stop).signal, graceMs: PANEL_GRACE_MS },
    health: null,
    startBudgetMs: PANEL_START_BUDGET_MS,
    defaultResources: PANEL_RESOURCES,
    panel,
  };
}

function withFields(derived: EggDefinition, own: EggFields): EggDefinition {
  const { images, panel, ...fields } = own;
  const { images: derivedImages, panel: derivedPanel, ...rest } = derived;
  return {
    ...rest,
    ...fields,
    ...(images === null ? {} : { images: images ?? derivedImages ?? [] }),
    ...(panel === null || derivedPanel === undefined ? {} : { panel: { ...derivedPanel, ...panel } }),
  };
}

function ownFields(document: DocumentRecord): {
  readonly fields: EggFields;
  readonly findings: readonly EggFinding[];
} {
  const own = document.get(LORMAS_KEY);
  if (own === undefined) return { fields: {}, findings: [] };
  const outcome = isRecord(own) ? checkEggFields(own) : { ok: false as const, path: "", reason: "is no object" };
  if (outcome.ok) return { fields: outcome.value, findings: [] };
  const path = outcome.path === "" ? LORMAS_KEY : `${LORMAS_KEY}.${outcome.path}`;
  return {
    fields: {},
    findings: [{ level: "warning", path, message: `${outcome.reason}: kept, nothing of it is used` }],
  };
}
