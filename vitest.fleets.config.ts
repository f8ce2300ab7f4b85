import { defineConfig } from "vitest/config";
import { VitestTallyReporter } from "./scripts/vitest-tally-reporter.ts";

/** Where npm run test:faults wants the counts; absent in a run by hand. */
const tallyPath = process.env["LORMAS_TALLY"];

const fleets = {
  exclude: ["**/node_modules/**"],
  globalSetup: ["coordinator/src/store/test-postgres-setup.ts"],
  testTimeout: 90_000,
  hookTimeout: 120_000,
};

/**
 * Whole fleets of real processes as people meet them by the command line and the API, each file with one of its own: minutes, for which
 * `npm test` has no room. Those of e2e/timed hold the product to a number of seconds and run one after the other, when nothing else
 * does. All run by `npm run test:faults`, alone by `npm run test:faults -- fleets`.
 */
export default defineConfig({
  test: {
    pool: "forks",
    // On two cores: a third uses what the others leave while they wait.
    maxWorkers: 3,
    // A wait without a bound of its own: vitest's second says more about the machine than about what is waited for.
    expect: { poll: { timeout: 10_000 } },
    reporters: tallyPath === undefined ? ["default"] : ["default", new VitestTallyReporter(tallyPath)],
    projects: [
      { extends: true as const, test: { name: "e2e", include: ["e2e/*.test.ts"], ...fleets } },
      {
        extends: true as const,
        test: { name: "timed", include: ["e2e/timed/*.test.ts"], ...fleets, fileParallelism: false },
      },
    ],
  },
});
