import type { EggVariable } from "../egg-definition.ts";
import { copyOf, type DocumentRecord, type DocumentValue, isList, sameValue } from "./document-value.ts";
import type { PanelFormat } from "./egg-format.ts";
import { readVariable, rulesOf, variableRecords } from "./read-variables.ts";

/**
 * The variables in a format: each on top of the record it came from, so that what only that knows stays. The records of `base`
 * are found by name, the second of one name as the second. With `keeps` they have the format, and are spelled as they are.
 */
export function writeVariables(
  base: DocumentRecord,
  variables: readonly EggVariable[],
  format: PanelFormat,
  keeps: boolean,
): DocumentRecord[] {
  const kept = variableRecords(base);
  return variables.map((variable) => {
    const at = kept.findIndex((record) => readVariable(record).name === variable.name);
    const [record] = at < 0 ? [] : kept.splice(at, 1);
    return writeVariable(record ?? new Map(), variable, format, keeps && record !== undefined);
  });
}

function writeVariable(
  base: DocumentRecord,
  variable: EggVariable,
  format: PanelFormat,
  keeps: boolean,
): DocumentRecord {
  const record = copyOf(base);
  const was = readVariable(base);
  const set = (key: string, differs: boolean, value: DocumentValue): void => {
    if (differs || (!keeps && !record.has(key))) record.set(key, value);
  };
  const { name, description, defaultValue, displayName = name, userViewable = true, userEditable = true } = variable;
  set("name", was.displayName !== displayName, displayName);
  set("description", was.description !== description, description);
  set("env_variable", was.name !== name, name);
  set("default_value", was.defaultValue !== defaultValue, defaultValue);
  set("user_viewable", was.userViewable !== userViewable, userViewable);
  set("user_editable", was.userEditable !== userEditable, userEditable);
  writeRules(record, variable.rules ?? [variable.required ? "required" : "nullable", "string"], format, keeps);
  const sort = variable.sort ?? null;
  if ((was.sort ?? null) !== sort) record.set("sort", sort);
  return record;
}

/** Pterodactyl has rules on one line, Pelican in a list. */
function writeRules(record: DocumentRecord, rules: readonly string[], format: PanelFormat, keeps: boolean): void {
  const is = record.get("rules");
  const asList = format.startsWith("plcn");
  const fits = keeps || (asList ? isList(is) : typeof is === "string");
  if (fits && sameValue(rulesOf(is), [...rules])) return;
  record.set("rules", asList ? [...rules] : rules.join("|"));
}
