import { Refusal } from "../domain/refusal.ts";
import type { StopSpec } from "../domain/workload.ts";
import { MASK } from "../secrets/secret-name.ts";
import type { EggDefinition, EggVariable, NamedImage } from "./egg-definition.ts";
import { storageProblem } from "./interchange/document-fault.ts";
import { DOCUMENT_BYTES_MAX, type DocumentValue, documentOf, isList, isRecord } from "./interchange/document-value.ts";
import { type EggFinding, reportOf } from "./interchange/egg-finding.ts";
import { checkEgg } from "./interchange/egg-schema.ts";
import {
  ALLOCATION_PORTS,
  PANEL_GRACE_MS,
  PANEL_RESOURCES,
  PANEL_START_BUDGET_MS,
  SERVER_VOLUMES,
} from "./interchange/panel-defaults.ts";
import { panelFindings } from "./interchange/panel-findings.ts";
import { variableFindings } from "./interchange/read-variables.ts";
import { panelStopOf, stopOf } from "./interchange/stop-signal.ts";
import { writeEgg } from "./interchange/write-egg.ts";
import { NO_PANEL_FACTS, type PanelFacts } from "./panel-facts.ts";
import { panelStartup } from "./panel-startup.ts";
import { hidesDefault } from "./reserved-variables.ts";
import { isRequired } from "./rules/rule-check.ts";

/** Fields of an egg that mean by themselves what they say. */
type PlainFields = Pick<EggDefinition, "name" | "description" | "categoryId" | "version" | "ports" | "volumes"> &
  Pick<EggDefinition, "health" | "defaultResources" | "constraints" | "architectures"> & {
    readonly tty: boolean | undefined;
  };

/** What somebody sets of an egg by hand; what is absent stays as it is. */
export type EggEdit = Partial<PlainFields> & {
  readonly images?: readonly NamedImage[];
  readonly startup?: EggDefinition["startup"];
  readonly variables?: readonly EggVariable[];
  /** An empty command: none. */
  readonly stop?: Partial<StopSpec>;
  /** Null: the default. */
  readonly startBudgetMs?: number | null;
  /** Null: it is none of a panel's any more. `whole`: what is not in `facts` is empty. */
  readonly panel?: { readonly whole: boolean; readonly facts: Partial<PanelFacts> } | null;
};

/** Milliseconds for an egg of Lormas' own that says nothing of it. */
const START_BUDGET_MS = 10_000;

/** What an egg is that nobody has said anything of. */
export const BLANK_EGG: Omit<EggDefinition, "id"> = {
  ...{ name: "", description: "", categoryId: "", version: "1", image: "", startup: {}, variables: [] },
  ...{ ports: [], volumes: [], stop: { signal: "SIGTERM", graceMs: PANEL_GRACE_MS }, health: null },
  ...{ startBudgetMs: START_BUDGET_MS, defaultResources: PANEL_RESOURCES },
};

/**
 * An egg as it is after an edit, held against the rules of an import; fields that only it knows stay. Throws a Refusal that names the
 * field.
 */
export function editedEgg(before: EggDefinition, edit: EggEdit): EggDefinition {
  const { images, startup, variables, stop, startBudgetMs, panel, ...plain } = edit;
  const stopAfter = { ...stopOf(before), ...stop };
  const saysHow = stop?.signal !== undefined || stop?.command !== undefined;
  const panelAfter = editedPanel(before, panel, saysHow ? stopAfter : null);
  const isPanel = panelAfter !== undefined;
  // A panel has no word for the grace: it alone changes nothing of how one says to stop.
  const keepsHow = !saysHow && isPanel === (before.panel !== undefined);
  const after: EggDefinition = {
    ...before,
    ...plain,
    ...(images === undefined ? {} : imagesOf(images, isPanel)),
    startup: editedStartup(before, startup, panelAfter),
    ...(variables === undefined ? {} : { variables: editedVariables(before.variables, variables) }),
    stop: keepsHow ? { ...before.stop, ...stop } : ownStop(stopAfter, isPanel),
    ...(startBudgetMs === undefined
      ? {}
      : { startBudgetMs: startBudgetMs ?? (isPanel ? PANEL_START_BUDGET_MS : START_BUDGET_MS) }),
    // One of a panel has its allocation and its folder, unless somebody says others.
    ...(isPanel && (plain.ports ?? before.ports).length === 0 ? { ports: ALLOCATION_PORTS } : {}),
    ...(isPanel && (plain.volumes ?? before.volumes).length === 0 ? { volumes: SERVER_VOLUMES } : {}),
    ...{ panel: panelAfter },
  } as EggDefinition;
  demandUnique(edit);
  return checked(after);
}

function editedPanel(
  { id, panel: before, stop }: EggDefinition,
  edit: EggEdit["panel"],
  stopAfter: StopSpec | null,
): PanelFacts | undefined {
  if (edit === null || (edit === undefined && before === undefined)) return undefined;
  if (before === undefined && edit?.facts.startupCommands === undefined) {
    throw unusable("panel", `egg ${id} is none of a panel's`, "Give panel.startup_commands as well, or leave it out.");
  }
  const { uuid, exportedAt, stop: stopBefore } = before ?? NO_PANEL_FACTS;
  const base = edit?.whole ? { ...NO_PANEL_FACTS, uuid, exportedAt, stop: stopBefore } : (before ?? NO_PANEL_FACTS);
  if (edit?.facts.startupCommands?.length === 0) {
    throw unusable("panel.startup_commands", "there is none", "Name at least one.");
  }
  const says = stopAfter === null && before !== undefined ? stopBefore : panelStopFor(stopAfter ?? stop);
  return { ...base, ...edit?.facts, stop: says };
}

function panelStopFor(stop: StopSpec): string {
  if (stop.command?.startsWith("^") !== true) return panelStopOf(stop);
  const reason = `${JSON.stringify(stop.command.slice(0, 64))} begins with ^, by which panels tell a signal from a command`;
  throw unusable("stop_command", reason, "Give another command, or stop_signal alone.");
}

function editedStartup(
  before: EggDefinition,
  edit: EggEdit["startup"],
  panel: PanelFacts | undefined,
): EggDefinition["startup"] {
  if (panel === undefined) {
    if (edit === undefined && before.panel === undefined) return before.startup;
    if (edit !== undefined && Object.keys(edit).length > 0) return edit;
    throw unusable("startup", "there is no command line for any runtime", "Give at least one, or panel.");
  }
  if (edit !== undefined && Object.keys(edit).length > 0) {
    const reason = "an egg with panel runs by panel.startup_commands";
    throw unusable("startup", reason, "Leave startup out, and set panel.startup_commands.");
  }
  const [command] = panel.startupCommands;
  const isSame = before.panel !== undefined && before.panel.startupCommands[0]?.command === command?.command;
  return isSame ? before.startup : { docker: command === undefined ? "" : panelStartup(command.command) };
}

/** A panel's egg says its command among the panel's facts; see stopOf. */
function ownStop({ signal, graceMs, command = "" }: StopSpec, isPanel: boolean): StopSpec {
  return { signal, graceMs, ...(isPanel || command === "" ? {} : { command }) };
}

function imagesOf(images: readonly NamedImage[], isPanel: boolean): Pick<EggDefinition, "image" | "images"> {
  const [first] = images;
  const image = first?.image ?? "";
  const isPlain = images.length === 0 || (images.length === 1 && (first?.name === "" || first?.name === image));
  const named = images.map((one) => ({ ...one, name: one.name === "" ? one.image : one.name }));
  return { image, ...{ images: isPlain && !isPanel ? undefined : named } } as Pick<EggDefinition, "image" | "images">;
}

/** Each on top of the one of its name that was there: what only that knows stays. */
function editedVariables(before: readonly EggVariable[], edit: readonly EggVariable[]): EggVariable[] {
  return edit.map((variable, index) => {
    const was = before.find(({ name }) => name === variable.name);
    const required = variable.required || isRequired(variable.rules ?? []);
    return { ...was, ...variable, required, defaultValue: editedDefault(variable, was, `variables.${index}`) };
  });
}

/** The mask, written back as it was read, is the default that it hides, as long as that stays hidden. */
function editedDefault(variable: EggVariable, was: EggVariable | undefined, path: string): string {
  const { name, defaultValue } = variable;
  if (defaultValue !== MASK || was?.defaultValue === MASK) return defaultValue;
  if (was !== undefined && hidesDefault(was) && hidesDefault(variable)) return was.defaultValue;
  const reason = `${MASK} stands for a default that ${name} hides and goes on hiding, and here it does not`;
  throw unusable(`${path}.defaultValue`, reason, "Give the default itself.");
}

function demandUnique({ variables, ports, volumes, images, panel }: EggEdit): void {
  const lists = { variables, ports, volumes, images, "panel.startup_commands": panel?.facts.startupCommands };
  for (const [field, list = []] of Object.entries(lists)) {
    const names = list.map(({ name }) => name);
    const twice = names.find((name, index) => names.indexOf(name) !== index);
    if (twice !== undefined) {
      throw unusable(field, `${JSON.stringify(twice.slice(0, 64))} is there twice`, "Name each once.");
    }
  }
}

/** By the importer's own rules. */
function checked(egg: EggDefinition): EggDefinition {
  const document = documentOf(egg);
  if (!isRecord(document)) throw new Error("an egg is no object");
  const bytes = Buffer.byteLength(JSON.stringify(egg));
  if (bytes > DOCUMENT_BYTES_MAX) {
    throw unusable("", `${bytes} bytes; at most ${DOCUMENT_BYTES_MAX}`, "Shorten what makes it large.");
  }
  demandTexts(document, "");
  const outcome = checkEgg(document);
  if (outcome.ok) return outcome.value;
  throw unusable(outcome.path, outcome.reason, "Correct that field and send it again.");
}

function demandTexts(value: DocumentValue, path: string): void {
  const problem = typeof value === "string" ? storageProblem(value) : null;
  if (problem !== null) throw unusable(path, problem, "Take it out.");
  if (isList(value)) for (const [index, inner] of value.entries()) demandTexts(inner, `${path}.${index}`);
  if (isRecord(value)) {
    for (const [key, inner] of value) {
      demandTexts(key, path);
      demandTexts(inner, path === "" ? key : `${path}.${key}`);
    }
  }
}

/** The refusal of a draft; `field` is below the request's `egg`. */
function unusable(field: string, reason: string, nextStep: string): Refusal {
  const below = field.replace(/^stop\./, "stop_").replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  const path = below === "" ? "egg" : `egg.${below}`;
  return new Refusal("invalid_argument", `${path}: ${reason}.`, nextStep, { field: path });
}

/** What should be known of an egg that was written by hand, as its import would say it. */
export function draftFindings(egg: EggDefinition): EggFinding[] {
  const document = writeEgg(egg, null, "plcn_v3");
  const findings =
    egg.panel === undefined
      ? // The rest is of what panels give to each server.
        variableFindings(document).filter(({ path }) => /\.(rules|default_value)$/.test(path))
      : panelFindings(document);
  const { health, ports } = egg;
  if (health !== null && health.kind !== "command" && !ports.some(({ name }) => name === health.portName)) {
    const message = `there is no port ${JSON.stringify(health.portName)}: containers of it never count as well`;
    findings.push({ level: "error", path: "health.port", message });
  }
  return reportOf(findings);
}
