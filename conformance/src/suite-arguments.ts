import { parseArgs } from "node:util";

export const PROFILES = ["core", "ha"] as const;
export type Profile = (typeof PROFILES)[number];

export type SuiteArguments = {
  readonly agent: string;
  readonly profile: Profile;
  readonly json: string | null;
  /** How many checks are played at a time, 1 to LANES_MAX. */
  readonly lanes: number;
  /** Names of checks; empty: all of the profile. */
  readonly only: readonly string[];
};

/** Each lane is an agent, and what it runs. */
const LANES_MAX = 8;

export const USAGE = `Usage: npm run conformance -- --agent CMD --profile core|ha [--only CHECK,…] [--lanes N] [--json FILE]

Holds an agent against the agent protocol (docs/agent-protocol.md): plays the coordinator, starts the agent by CMD, and checks one
promise after another.

  --agent CMD       command line of the agent, for /bin/sh; its settings come by LORMAS_ variables
  --profile NAME    core: what every agent must do; ha: what an agent that runs HA containers must do besides
  --only CHECK,…    these checks of the profile alone
  --lanes N         how many checks are played at a time, each with an agent of its own: 1 (default) to 8
  --json FILE       writes the outcome of every check

Exit codes: 0 every promise is kept, 1 one is not, 2 the suite could not be run.`;

/** Reads the command line; `problem` says what is wrong with it and what would be right. */
export function suiteArguments(
  argv: readonly string[],
  names: (profile: Profile) => readonly string[],
): { readonly arguments: SuiteArguments } | { readonly help: true } | { readonly problem: string } {
  const text = { type: "string" } as const;
  let values: { agent?: string; profile?: string; json?: string; only?: string; lanes?: string; help?: boolean };
  try {
    const options = {
      agent: text,
      profile: text,
      json: text,
      only: text,
      lanes: text,
      help: { type: "boolean" },
    } as const;
    values = parseArgs({ args: [...argv], options, strict: true, allowPositionals: false }).values;
  } catch (error) {
    return { problem: `${error instanceof Error ? error.message : String(error)} (see --help)` };
  }
  if (values.help) return { help: true };
  const { agent = "", json = null } = values;
  if (agent.trim() === "") return { problem: "--agent is missing: give the command line that starts the agent" };
  const profile = PROFILES.find((candidate) => candidate === values.profile);
  if (!profile) return { problem: `--profile is "${values.profile ?? ""}": choose one of ${PROFILES.join(", ")}` };
  const known = names(profile);
  const only = (values.only ?? "").split(",").filter(Boolean);
  const unknown = only.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    return { problem: `--only names "${unknown}", which is no check of ${profile}: choose among ${known.join(", ")}` };
  }
  const lanes = Number(/^\d$/.exec(values.lanes ?? "1")?.[0] ?? 0);
  if (lanes < 1 || lanes > LANES_MAX)
    return { problem: `--lanes is "${values.lanes}": give a number from 1 to ${LANES_MAX}` };
  return { arguments: { agent, profile, json, only, lanes } };
}
