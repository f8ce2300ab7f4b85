import type { EggSyntax, PanelFormat } from "./interchange/egg-format.ts";

/** The panel's document that an egg came from, kept so that all it says can come out again. */
export type EggOrigin = {
  readonly format: PanelFormat;
  readonly syntax: EggSyntax;
  /** As it was given, without a byte order mark. */
  readonly text: string;
  /** The same as JSON, where it is YAML; null: it is JSON itself. */
  readonly json: string | null;
};
