import type { EggVariable } from "../egg-definition.ts";
import { isReserved } from "../reserved-variables.ts";
import { splitRules } from "../rules/rule.ts";
import { brokenRule, isRequired, PatternBudget, uncheckedRules } from "../rules/rule-check.ts";
import { textAt, textsOf, valueAt } from "./document-fields.ts";
import { type DocumentRecord, type DocumentValue, isList, isRecord } from "./document-value.ts";
import type { EggFinding } from "./egg-finding.ts";
import { PROVIDED_VARIABLES } from "./panel-defaults.ts";

/** What an environment can carry; an agent refuses every other name. */
export const VARIABLE_NAME = /^[A-Za-z_][A-Za-z0-9_]{0,255}$/;
/** Most variables of one egg. */
export const VARIABLES_MAX = 500;

/** The variables' records, whatever else the list holds. */
export function variableRecords(document: DocumentRecord): DocumentRecord[] {
  const value = document.get("variables");
  const list = isRecord(value) ? [...value.values()] : isList(value) ? value : [];
  return list.filter(isRecord);
}

/** The variables of a panel's egg. */
export function readVariables(document: DocumentRecord): EggVariable[] {
  return variableRecords(document).map(readVariable);
}

/** The rules of a variable, however they are written. */
export function rulesOf(value: DocumentValue | undefined): string[] {
  return typeof value === "string" ? splitRules(value) : textsOf(value);
}

/** One variable; what it does not say is as a panel would have it. */
export function readVariable(record: DocumentRecord): EggVariable {
  const rules = rulesOf(record.get("rules"));
  const sort = record.get("sort");
  return {
    name: textAt(record, "env_variable"),
    displayName: textAt(record, "name"),
    description: textAt(record, "description"),
    defaultValue: textAt(record, "default_value"),
    required: isRequired(rules),
    pattern: "",
    rules,
    userViewable: flag(record.get("user_viewable")),
    userEditable: flag(record.get("user_editable")),
    sort: typeof sort === "number" ? sort : null,
  };
}

/** Absent means yes; panels write true, 1 and "1". */
function flag(value: DocumentValue | undefined): boolean {
  if (value === undefined || value === null) return true;
  return !(value === false || value === 0 || value === "0" || value === "" || value === "false");
}

/** What whoever imports these variables should know. */
export function variableFindings(document: DocumentRecord): EggFinding[] {
  const findings: EggFinding[] = [];
  const records = variableRecords(document);
  const seen = new Set<string>();
  const budget = new PatternBudget();
  const all = valueAt(document, "variables");
  if (isList(all) && all.length > records.length) {
    const message = `${all.length - records.length} entries are no objects: kept, and no variables`;
    findings.push({ level: "error", path: "variables", message });
  }
  records.forEach((record, index) => {
    const path = `variables[${index}]`;
    const variable = readVariable(record);
    findings.push(
      ...nameFindings(variable.name, `${path}.env_variable`, seen),
      ...ruleFindings(variable, path, budget),
    );
    seen.add(variable.name);
  });
  const reserved = records.map(readVariable).filter(isReserved);
  if (reserved.length > 0) {
    const message = `${namesOf(reserved)}: set by whoever has egg:variable:override alone, as user_viewable and user_editable ask; what is not viewable is kept as a secret`;
    findings.push({ level: "note", path: "variables", message });
  }
  return findings;
}

function namesOf(variables: readonly EggVariable[]): string {
  const shown = variables.slice(0, 10).map(shownName);
  const rest = variables.length - shown.length;
  return rest > 0 ? `${shown.join(", ")} and ${rest} more` : shown.join(", ");
}

/** Characters of a name that a finding repeats. */
const SHOWN_MAX = 64;

/** One that no environment can carry has any length, and each of its rules may have a finding. */
function shownName({ name }: EggVariable): string {
  return name.length > SHOWN_MAX ? `${name.slice(0, SHOWN_MAX).toWellFormed()}…` : name;
}

function nameFindings(name: string, path: string, seen: ReadonlySet<string>): EggFinding[] {
  if (!VARIABLE_NAME.test(name)) {
    const message = `${JSON.stringify(name.slice(0, SHOWN_MAX))} is no name for an environment variable: kept, never set`;
    return [{ level: "error", path, message }];
  }
  if (seen.has(name)) {
    const message = `${name} is there already: kept; the value of the last one counts`;
    return [{ level: "warning", path, message }];
  }
  if ((PROVIDED_VARIABLES as readonly string[]).includes(name)) {
    const message = `${name} is given to every container: kept; the egg's own value does not count`;
    return [{ level: "warning", path, message }];
  }
  if (/PORT$/i.test(name)) {
    const message = `${name} looks like a further port: it is set in the environment, but no such port is published`;
    return [{ level: "warning", path, message }];
  }
  return [];
}

function ruleFindings(variable: EggVariable, path: string, budget: PatternBudget): EggFinding[] {
  const findings: EggFinding[] = [];
  const rules = variable.rules ?? [];
  for (const rule of uncheckedRules(rules)) {
    const message = `the rule ${JSON.stringify(rule.slice(0, 128))} of ${shownName(variable)} is kept, and NOT checked: Lormas does not know it, or cannot read its parameters as PHP does`;
    findings.push({ level: "warning", path: `${path}.rules`, message });
  }
  const broken = brokenRule(rules, variable.defaultValue, budget);
  if (broken !== null) {
    const message = `the default of ${shownName(variable)} breaks the egg's own rule: it ${broken}; a value has to be given`;
    findings.push({ level: "warning", path: `${path}.default_value`, message });
  }
  return findings;
}
