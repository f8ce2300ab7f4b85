import type { ConfigChange } from "./config-value.ts";
import { editIni } from "./ini-config.ts";
import { editLines } from "./lines-config.ts";
import { editProperties } from "./properties-config.ts";
import { editJson, editYaml } from "./tree-config.ts";
import { editXml } from "./xml-config.ts";

export type ConfigParser = "file" | "yaml" | "json" | "properties" | "ini" | "xml";

/** What is to become of one file's text; null: there is no file yet. */
export type ConfigEdit = {
  readonly path: string;
  readonly parser: ConfigParser;
  readonly text: string | null;
  readonly changes: readonly ConfigChange[];
};

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
