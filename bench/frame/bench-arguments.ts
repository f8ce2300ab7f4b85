import { parseArgs } from "node:util";

/** How much is measured. */
export type BenchSizes = {
  /** Fleets of simulated agents, one after another. */
  readonly agents: readonly number[];
  /** Seconds for which a steady load is watched. */
  readonly seconds: number;
  /** Minutes for which nothing befalls a fleet. */
  readonly minutes: number;
  /** How often what happens once is done. */
  readonly runs: number;
  /** Heartbeat profiles. */
  readonly profiles: readonly string[];
  /** Nodes and containers in the store, and simulated nodes that answer at once. */
  readonly nodes: number;
  readonly containers: number;
};

export type BenchArguments = {
  readonly list: boolean;
  /** Sections by name, in the order of the bench; null: all. */
  readonly only: readonly string[] | null;
  readonly json: string | null;
  /** Where plots are written; null: nowhere. */
  readonly plots: string | null;
  readonly sizes: BenchSizes;
};

/** What the figures in docs/benchmarks were measured with. */
export const FULL_SIZES: BenchSizes = {
  agents: [1_000, 2_000, 5_000, 10_000],
  seconds: 20,
  minutes: 30,
  runs: 10,
  profiles: ["lan", "fast", "default"],
  nodes: 10_000,
  containers: 100_000,
};

export const USAGE = `npm run bench -- [options]
  --list               names the sections and what they measure, and runs none
  --only A,B           runs these sections alone
  --json FILE          writes machine, rows and plots as JSON
  --plots FOLDER       where plots go (default docs/benchmarks); "none": nowhere
  --agents A,B         fleets of simulated agents (default ${FULL_SIZES.agents.join(",")})
  --seconds N          how long a steady load is watched (default ${FULL_SIZES.seconds})
  --minutes N          how long a fleet is left in peace (default ${FULL_SIZES.minutes})
  --runs N             how often what happens once is done (default ${FULL_SIZES.runs})
  --profiles A,B       heartbeat profiles (default ${FULL_SIZES.profiles.join(",")})
  --nodes N            nodes in the store (default ${FULL_SIZES.nodes})
  --containers N       containers in the store (default ${FULL_SIZES.containers})
`;

/** A mistake in the command line; the message says which. */
export class BenchUsageError extends Error {
  override readonly name = "BenchUsageError";
}

/** Reads the command line. Throws BenchUsageError. */
export function parseBenchArguments(argv: readonly string[], sections: readonly string[]): BenchArguments {
  const values = valuesOf(argv);
  const only = values.only === undefined ? null : namesOf("only", values.only);
  const unknown = only?.filter((name) => !sections.includes(name)) ?? [];
  if (unknown.length > 0) {
    throw new BenchUsageError(`no section ${unknown.join(", ")}: there are ${sections.join(", ")}`);
  }
  const number = (name: string, text: string | undefined, otherwise: number): number =>
    text === undefined ? otherwise : numberOf(name, text);
  return {
    list: values.list ?? false,
    only,
    json: values.json ?? null,
    plots: values.plots === "none" ? null : (values.plots ?? "docs/benchmarks"),
    sizes: {
      agents:
        values.agents === undefined
          ? FULL_SIZES.agents
          : namesOf("agents", values.agents).map((text) => numberOf("agents", text)),
      seconds: number("seconds", values.seconds, FULL_SIZES.seconds),
      minutes: number("minutes", values.minutes, FULL_SIZES.minutes),
      runs: number("runs", values.runs, FULL_SIZES.runs),
      profiles: values.profiles === undefined ? FULL_SIZES.profiles : namesOf("profiles", values.profiles),
      nodes: number("nodes", values.nodes, FULL_SIZES.nodes),
      containers: number("containers", values.containers, FULL_SIZES.containers),
    },
  };
}

function valuesOf(argv: readonly string[]) {
  const text = { type: "string" } as const;
  try {
    return parseArgs({
      args: [...argv],
      options: {
        list: { type: "boolean" },
        only: text,
        json: text,
        plots: text,
        agents: text,
        seconds: text,
        minutes: text,
        runs: text,
        profiles: text,
        nodes: text,
        containers: text,
      },
    }).values;
  } catch (error) {
    throw new BenchUsageError(error instanceof Error ? error.message : String(error));
  }
}

function namesOf(name: string, text: string): string[] {
  const names = text.split(",").map((part) => part.trim());
  if (names.includes("")) throw new BenchUsageError(`--${name} ${text}: a list has no empty entries`);
  return names;
}

function numberOf(name: string, text: string): number {
  if (!/^[1-9]\d{0,6}$/.test(text)) throw new BenchUsageError(`--${name} ${text}: not a whole number from 1`);
  return Number(text);
}
