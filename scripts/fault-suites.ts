/** One campaign of `npm run test:faults`. */
export type FaultSuite = {
  readonly name: string;
  /** Arguments of the pinned Node. The program writes a Tally as JSON to the path in env LORMAS_TALLY. */
  readonly args: readonly string[];
  /** Set besides what the environment has. */
  readonly env?: Readonly<Record<string, string>>;
  /** After this it is killed, and counts as failed. */
  readonly limitMs: number;
  /** Takes so long that it runs only where it is named. */
  readonly onlyNamed?: true;
  /** Computes and waits for nothing: runs at the lowest priority beside those that come after it, which mostly wait. */
  readonly beside?: true;
};

const vitest = (...files: readonly string[]): string[] => [
  ...["node_modules/vitest/vitest.mjs", "run", "-c", "vitest.faults.config.ts"],
  ...files,
];

const program = (name: string, ...args: readonly string[]): string[] => ["scripts/program-as-test.ts", name, ...args];
const seeds = ["--seeds", "2000", "--from", "commit", "--nodes", "random", "--faults", "all", "--profile", "random"];

/** Every campaign, in the order in which they begin. */
export const FAULT_SUITES: readonly FaultSuite[] = [
  {
    name: "fleets",
    args: ["node_modules/vitest/vitest.mjs", "run", "-c", "vitest.fleets.config.ts"],
    limitMs: 15 * 60_000,
  },
  { name: "failpoints", args: vitest("e2e/faults/failpoints.faults.ts"), limitMs: 30 * 60_000 },
  {
    name: "failpoints-in-every-story",
    args: vitest("e2e/faults/failpoints.faults.ts"),
    env: { LORMAS_FAILPOINT_STORIES: "all" },
    limitMs: 40 * 60_000,
    onlyNamed: true,
  },
  { name: "leaders", args: vitest("e2e/faults/two-leaders.faults.ts"), limitMs: 8 * 60_000 },
  { name: "survival", args: vitest("agent/src/peers/survival.faults.ts"), limitMs: 8 * 60_000 },
  {
    name: "conformance",
    args: vitest("conformance/agents.faults.ts", "conformance/broken-agents.faults.ts"),
    limitMs: 20 * 60_000,
  },
  {
    name: "fuzz",
    args: ["node_modules/vitest/vitest.mjs", "run", "coordinator/src/api/fuzz"],
    env: { LORMAS_FUZZ_REQUESTS: "5000" },
    limitMs: 12 * 60_000,
  },
  { name: "model", args: program("spin's answers", "scripts/check-model.ts"), limitMs: 15 * 60_000, beside: true },
  {
    name: "simulator",
    args: program("2,000 seeds of the simulator", "simulator/src/main.ts", ...seeds),
    limitMs: 25 * 60_000,
    beside: true,
  },
  { name: "mutants", args: ["simulator/src/mutants/main.ts", "--seeds", "300"], limitMs: 25 * 60_000, beside: true },
  { name: "control-plane-loss", args: vitest("e2e/faults/control-plane-loss.faults.ts"), limitMs: 8 * 60_000 },
  { name: "lab", args: vitest("lab/leftovers.faults.ts", "lab/scenarios.faults.ts"), limitMs: 30 * 60_000 },
  { name: "lab-more", args: vitest("lab/more-scenarios.faults.ts"), limitMs: 30 * 60_000, onlyNamed: true },
  {
    name: "chaos",
    args: program("3 minutes of chaos", "lab/src/main.ts", "chaos", "--minutes", "3", "--seed", "commit"),
    limitMs: 15 * 60_000,
  },
];
