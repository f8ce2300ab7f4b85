/** What the eggs of Pterodactyl and Pelican say that Lormas' own do not. Their words, their order. */
export type PanelFacts = {
  readonly author: string;
  /** Pelican's identity of the egg; empty where it has none. */
  readonly uuid: string;
  /** When a panel wrote it, as it says; empty where it does not. */
  readonly exportedAt: string;
  /** Where a newer one can be had; empty where nowhere. */
  readonly updateUrl: string;
  readonly tags: readonly string[];
  /** Abilities of the server that a panel may offer help with: "eula", "java_version". */
  readonly features: readonly string[];
  /** Files that whoever has the server must not touch. */
  readonly fileDenylist: readonly string[];
  /** Startup commands with their {{VARIABLES}}; the first is the default. */
  readonly startupCommands: readonly StartupCommand[];
  readonly configFiles: readonly ConfigFile[];
  /** Parts of a line of output, or "regex:" and an expression for one, of which any tells that the server is ready. */
  readonly done: readonly string[];
  /** What ends it: a console command, or "^C" and the like for a signal. */
  readonly stop: string;
  /** What prepares a new server's files, in a container of its own; null where nothing does. */
  readonly install: InstallScript | null;
};

/** Of a panel's egg that says nothing. */
export const NO_PANEL_FACTS: PanelFacts = {
  ...{ author: "", uuid: "", exportedAt: "", updateUrl: "", tags: [], features: [], fileDenylist: [] },
  ...{ startupCommands: [], configFiles: [], done: [], stop: "", install: null },
};

export type StartupCommand = { readonly name: string; readonly command: string };

export type InstallScript = {
  readonly script: string;
  /** The image that it runs in. */
  readonly image: string;
  /** The program that reads it: "bash". */
  readonly entrypoint: string;
};

/** A file in which a panel replaces values before each start. */
export type ConfigFile = {
  readonly path: string;
  /** "yaml", "json", "properties", "ini", "xml", "file" (plain lines). */
  readonly parser: string;
  readonly replacements: readonly ConfigReplacement[];
};

export type ConfigScalar = string | number | boolean | null;

/** What to look for, and what to put there: always, or each only where a certain value stands. */
export type ConfigReplacement = {
  readonly match: string;
  readonly value: ConfigScalar | readonly { readonly ifValue: string; readonly value: ConfigScalar }[];
};
