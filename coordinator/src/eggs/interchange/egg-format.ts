import type { DocumentRecord } from "./document-value.ts";
import { isRecord, scalarText } from "./document-value.ts";

/** The forms in which eggs travel: Pterodactyl's, Pelican's, and Lormas' own. */
export const EGG_FORMATS = ["ptdl_v1", "ptdl_v2", "plcn_v1", "plcn_v2", "plcn_v3", "lormas"] as const;
export type EggFormat = (typeof EGG_FORMATS)[number];
export type PanelFormat = Exclude<EggFormat, "lormas">;

export const EGG_SYNTAXES = ["json", "yaml"] as const;
export type EggSyntax = (typeof EGG_SYNTAXES)[number];

/** What meta.version says in each. */
export const META_VERSION: Readonly<Record<EggFormat, string>> = {
  ptdl_v1: "PTDL_v1",
  ptdl_v2: "PTDL_v2",
  plcn_v1: "PLCN_v1",
  plcn_v2: "PLCN_v2",
  plcn_v3: "PLCN_v3",
  lormas: "LORMAS_v1",
};

export function isEggFormat(text: string): text is EggFormat {
  return (EGG_FORMATS as readonly string[]).includes(text);
}

/** The format that a document says it has; `named` is false when it says none, or one that is not known, and it is a guess. */
export function formatOf(document: DocumentRecord): { readonly format: EggFormat; readonly named: boolean } {
  const meta = document.get("meta");
  const version = (isRecord(meta) ? scalarText(meta.get("version")) : "") ?? "";
  const named = EGG_FORMATS.find((format) => META_VERSION[format].toLowerCase() === version.toLowerCase());
  if (named !== undefined) return { format: named, named: true };
  if (document.has("startup_commands")) return { format: "plcn_v3", named: false };
  if (/^plcn/i.test(version)) return { format: "plcn_v2", named: false };
  return { format: document.has("docker_images") ? "ptdl_v2" : "ptdl_v1", named: false };
}
