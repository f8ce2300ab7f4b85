import { editIni } from "./ini-config.ts";
import { editLines } from "./lines-config.ts";
import { editProperties } from "./properties-config.ts";
import { editJson, editYaml } from "./tree-config.ts";
import { editXml } from "./xml-config.ts";

export type ConfigValue = string | number | boolean | null;

/** One value that is put somewhere; placeholders are filled. */
export type ConfigChange = {
  readonly match: string;
  /** Only where this stands, or what "regex:" finds; null: in any case. */
  readonly ifValue: string | null;
  readonly value: ConfigValue;
};

export type ConfigParser = "file" | "yaml" | "json" | "properties" | "ini" | "xml";

/** What is to become of one file's text; null: there is no file yet. */
export type ConfigEdit = {
  readonly path: string;
  readonly parser: ConfigParser;
  readonly text: string | null;
  readonly changes: readonly ConfigChange[];
};

/** The file cannot be read as what it should be; the message says why, without what is in it. */
export class ConfigFault extends Error {
  override readonly name = "ConfigFault";
}

/** The text with its changes; null: there still is no file. Throws ConfigFault. May take long on hostile text: see edit-apart.ts. */
export function editConfig({ parser, text, changes }: ConfigEdit): string | null {
  switch (parser) {
    case "file":
      return text === null ? null : editLines(text, changes);
    case "properties":
      return editProperties(text ?? "", changes);
    case "ini":
      return editIni(text ?? "", changes);
    case "json":
      return editJson(text ?? "", changes);
    case "yaml":
      return editYaml(text ?? "", changes);
    case "xml":
      return editXml(text ?? "", changes);
    default:
      return parser satisfies never;
  }
}

/** A value as text has it. */
export function valueText(value: ConfigValue): string {
  return value === null ? "" : String(value);
}

/** What stands instead of `present` after a change; undefined: nothing is changed. `present` null: there is nothing yet. */
export function changedValue({ ifValue, value }: ConfigChange, present: string | null): ConfigValue | undefined {
  if (ifValue === null) return value;
  if (present === null) return undefined;
  if (!ifValue.startsWith("regex:")) return present === ifValue ? value : undefined;
  const pattern = patternOf(ifValue.slice("regex:".length));
  return present.search(pattern) === -1 ? undefined : present.replace(pattern, valueText(value));
}

function patternOf(source: string): RegExp {
  try {
    return new RegExp(source, "g");
  } catch {
    throw new ConfigFault(`"regex:${source.slice(0, 120)}" is no regular expression`);
  }
}
