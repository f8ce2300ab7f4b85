import type { EggDefinition } from "../egg-definition.ts";
import { type ConfigFile, NO_PANEL_FACTS, type PanelFacts, type StartupCommand } from "../panel-facts.ts";
import { objectAt, textAt, textsOf, valueAt } from "./document-fields.ts";
import {
  copyOf,
  type DocumentRecord,
  type DocumentValue,
  documentOf,
  isList,
  isRecord,
  sameData,
} from "./document-value.ts";
import { formatOf, META_VERSION, type PanelFormat } from "./egg-format.ts";
import { writeJson } from "./json-writer.ts";
import { LORMAS_KEY, readEgg } from "./read-egg.ts";
import {
  DEFAULT_COMMAND,
  IMAGE_KEYS,
  imageKeyOf,
  imagesUnder,
  readConfigFiles,
  readDone,
  readInstall,
  readStartupCommands,
} from "./read-panel.ts";
import { readVariables } from "./read-variables.ts";
import { panelStopOf } from "./stop-signal.ts";
import { writeVariables } from "./write-variables.ts";

/**
 * An egg in a panel's format. `base` is the panel's document that the egg came from, null for an egg of Lormas' own: all that it
 * says and the egg does not contradict comes out as it is there, unknown fields included. What the format has no place for
 * goes under "lormas", which panels overlook and readEgg reads: reading the answer gives the egg again.
 */
export function writeEgg(egg: EggDefinition, base: DocumentRecord | null, format: PanelFormat): DocumentRecord {
  const document = base === null ? blank() : copyOf(base);
  // A document that has this format already may spell things in ways that no panel would: they stay.
  const kept = base !== null && formatOf(base).format === format;
  const facts = egg.panel ?? factsOf(egg);
  document.delete(LORMAS_KEY);
  writeMeta(document, facts, format);
  writeTexts(document, egg, facts);
  writeImages(document, egg, format, kept);
  writeCommands(document, facts.startupCommands, format, kept);
  writeConfig(document, facts, kept || format.startsWith("plcn"));
  writeInstall(document, facts);
  if (!(kept && sameData(readVariables(document), egg.variables))) {
    const variables = writeVariables(document, egg.variables, format, kept);
    if (variables.length > 0 || document.has("variables")) document.set("variables", variables);
  }
  const rest = remainder(egg, document, base !== null);
  if (rest.size > 0) document.set(LORMAS_KEY, rest);
  return document;
}

/** Keys in the order in which panels write them. */
function blank(): DocumentRecord {
  return new Map<string, DocumentValue>([
    ["meta", new Map<string, DocumentValue>()],
    ["exported_at", ""],
    ["name", ""],
    ["author", ""],
    ["description", ""],
    ["features", []],
    ["docker_images", new Map<string, DocumentValue>()],
    ["file_denylist", []],
    ["startup", ""],
    [
      "config",
      new Map<string, DocumentValue>([
        ["files", "{}"],
        ["startup", "{}"],
        ["logs", "{}"],
        ["stop", ""],
      ]),
    ],
    ["scripts", new Map([["installation", new Map([["script", ""]])]])],
    ["variables", []],
  ]);
}

/** What a panel would say of an egg of Lormas' own. */
function factsOf(egg: EggDefinition): PanelFacts {
  const command = egg.startup["docker"] ?? "";
  const startupCommands = command === "" ? [] : [{ name: DEFAULT_COMMAND, command }];
  return { ...NO_PANEL_FACTS, startupCommands, stop: panelStopOf(egg.stop) };
}

/** The object at a key, made where there is none. */
function recordAt(document: DocumentRecord, key: string): DocumentRecord {
  const is = document.get(key);
  if (isRecord(is)) return is;
  const made: DocumentRecord = new Map();
  document.set(key, made);
  return made;
}

function writeMeta(document: DocumentRecord, facts: PanelFacts, format: PanelFormat): void {
  const meta = recordAt(document, "meta");
  if (textAt(meta, "version") !== META_VERSION[format]) meta.set("version", META_VERSION[format]);
  if (textAt(meta, "update_url") !== facts.updateUrl) meta.set("update_url", facts.updateUrl);
}

function writeTexts(document: DocumentRecord, egg: EggDefinition, facts: PanelFacts): void {
  const texts = { name: egg.name, description: egg.description, author: facts.author, uuid: facts.uuid };
  for (const [key, text] of Object.entries({ ...texts, exported_at: facts.exportedAt })) {
    if (textAt(document, key) !== text) document.set(key, text);
  }
  const lists = { tags: facts.tags, features: facts.features, file_denylist: facts.fileDenylist };
  for (const [key, list] of Object.entries(lists)) {
    if (!sameData(textsOf(document.get(key)), list)) document.set(key, [...list]);
  }
}

/**
 * Newer formats have images with names; PTDL_v1 has a list, and for still older panels the first one alone, unless that key holds
 * Pelican's icon.
 */
function writeImages(document: DocumentRecord, egg: EggDefinition, format: PanelFormat, kept: boolean): void {
  const images = egg.images ?? (egg.image === "" ? [] : [{ name: egg.image, image: egg.image }]);
  const is = imageKeyOf(document);
  const fits = kept || (format === "ptdl_v1" ? is === "images" || is === "image" : is === "docker_images");
  if (is !== null && fits && sameData(imagesUnder(document, is), images)) return;
  if (is === null && images.length === 0) return;
  // One that holds images is replaced; Pelican's icon is none.
  for (const key of IMAGE_KEYS) if (imagesUnder(document, key).length > 0) document.delete(key);
  if (format === "ptdl_v1") {
    const references = images.map(({ image }) => image);
    if (references.length !== 1 || document.has("image")) document.set("images", references);
    if (!document.has("image")) document.set("image", references[0] ?? "");
    return;
  }
  document.set("docker_images", new Map(images.map(({ name, image }) => [name, image])));
}

/** PLCN_v3 has commands with names, the others one. */
function writeCommands(
  document: DocumentRecord,
  commands: readonly StartupCommand[],
  format: PanelFormat,
  kept: boolean,
): void {
  if (kept && sameData(readStartupCommands(document), commands)) return;
  const many = format === "plcn_v3";
  const key = many ? "startup_commands" : "startup";
  const other = many ? "startup" : "startup_commands";
  const own = new Map([[key, document.get(key) ?? null]]);
  const says = readStartupCommands(own);
  document.delete(other);
  const wanted = many ? commands : commands.slice(0, 1).map(({ command }) => ({ name: DEFAULT_COMMAND, command }));
  if (document.has(key) && sameData(says, wanted)) return;
  const value = many ? new Map(wanted.map(({ name, command }) => [name, command])) : (wanted[0]?.command ?? "");
  document.set(key, value);
}

/** Panels keep these as JSON in a string; only Pelican's YAML has them as they are. */
function writeConfig(document: DocumentRecord, facts: PanelFacts, kept: boolean): void {
  const set = (part: string, value: DocumentValue): void => {
    recordAt(document, "config").set(part, value);
  };
  if (!sameData(readConfigFiles(document), facts.configFiles)) {
    set("files", writeJson(new Map(facts.configFiles.map((file) => [file.path, fileRecord(file)])), true));
  }
  if (!sameData(readDone(document), facts.done)) {
    const startup: DocumentRecord = objectAt(document, "config", "startup") ?? new Map<string, DocumentValue>();
    const value = facts.done.length === 1 ? (facts.done[0] ?? "") : [...facts.done];
    set("startup", writeJson(new Map([...startup, ["done", value]]), true));
  }
  if (textAt(document, "config", "stop") !== facts.stop) set("stop", facts.stop);
  if (kept) return;
  for (const part of ["files", "startup", "logs"]) {
    const is = valueAt(document, "config", part);
    if (isRecord(is) || isList(is)) set(part, writeJson(is, true));
  }
}

function fileRecord({ parser, replacements }: ConfigFile): DocumentRecord {
  const find = replacements.map(({ match, value }): [string, DocumentValue] => {
    if (value === null || typeof value !== "object") return [match, value];
    return [match, new Map(value.map((one) => [one.ifValue, one.value]))];
  });
  return new Map<string, DocumentValue>([
    ["parser", parser],
    ["find", new Map(find)],
  ]);
}

function writeInstall(document: DocumentRecord, facts: PanelFacts): void {
  if (sameData(readInstall(document), facts.install)) return;
  const at = recordAt(recordAt(document, "scripts"), "installation");
  at.set("script", facts.install?.script ?? "");
  at.set("container", facts.install?.image ?? "");
  at.set("entrypoint", facts.install?.entrypoint ?? "");
}

/**
 * The egg's fields that reading the document would not give. An egg that came from a panel has no id and no shelf of its own
 * there: whoever imports it chooses them.
 */
function remainder(egg: EggDefinition, document: DocumentRecord, fromPanel: boolean): DocumentRecord {
  const place = fromPanel ? { id: egg.id, categoryId: egg.categoryId } : { id: null, categoryId: null };
  const { definition } = readEgg(document, place);
  const { panel, ...fields } = egg;
  const rest = differing(fields, definition);
  if (egg.images === undefined) rest.set("images", null);
  const facts = panel === undefined ? null : differing(panel, definition.panel ?? {});
  if (facts === null || facts.size > 0) rest.set("panel", facts);
  return rest;
}

/** Those of the fields that the other does not have alike. */
function differing(fields: object, other: object): DocumentRecord {
  const says = other as Readonly<Record<string, unknown>>;
  const rest = new Map<string, DocumentValue>();
  for (const [key, value] of Object.entries(fields)) {
    if (value !== undefined && !sameData(says[key], value)) rest.set(key, documentOf(value));
  }
  return rest;
}

/** Whether a document reads as this egg, but for the id and the shelf, which are the importer's choice. */
export function saysSame(egg: EggDefinition, document: DocumentRecord): boolean {
  return sameData(readEgg(document, { id: egg.id, categoryId: egg.categoryId }).definition, egg);
}
