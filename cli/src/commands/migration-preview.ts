import type { PreviewMigrationResponse } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { factLines } from "../output/table.ts";
import { boundText, resourcesText } from "../output/wording.ts";
import { candidateLines } from "./migration.ts";

/** `lormas container migrate --preview`. */
export function previewLines(preview: PreviewMigrationResponse, width: number | undefined): string[] {
  const { decision } = preview;
  const terms = preview.downtimeTerms.map(({ name, ms }) => `${name} ${boundText(ms)}`).join(" + ");
  const facts: [string, string][] = [
    ["From", preview.sourceNodeName],
    ["To", preview.targetNodeName || "no node can take it now"],
    ["Because", decision?.summary ?? ""],
    ["Begins", preview.waitsFor === "" ? "at once" : `later: ${preview.waitsFor}`],
    ["Without service", `at most ${boundText(preview.downtimeMs)} (${terms})`],
    ["Moves with it", resourcesText(preview.resources)],
    ...preview.warnings.map((warning): [string, string] => ["Warning", warning]),
  ];
  return [...factLines(facts), ...(decision === undefined ? [] : ["", ...candidateLines(decision, width)])];
}
