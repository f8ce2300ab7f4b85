import { defineConfig } from "vitest/config";
import { VitestTallyReporter } from "./scripts/vitest-tally-reporter.ts";

/** Where npm run test:faults wants the counts; absent in a run by hand. */
const tallyPath = process.env["LORMAS_TALLY"];

/**
 * The fault campaigns, `*.faults.ts`: minutes of real processes that are killed and stopped. They run one file after
 * another, apart from `npm test`, by `npm run test:faults`.
 */
export default defineConfig({
  test: {
    name: "faults",
    include: ["{e2e,coordinator,agent,simulator,lab,conformance}/**/*.faults.ts"],
    exclude: ["**/node_modules/**"],
    globalSetup: ["coordinator/src/store/test-postgres-setup.ts"],
    pool: "forks",
    fileParallelism: false,
    // Each runs on a fleet of its own, and two cores carry two.
    maxConcurrency: 2,
    testTimeout: 300_000,
    hookTimeout: 180_000,
    reporters: tallyPath === undefined ? ["default"] : ["default", new VitestTallyReporter(tallyPath)],
  },
});
