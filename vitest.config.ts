import { defineConfig } from "vitest/config";
import { VitestTallyReporter } from "./scripts/vitest-tally-reporter.ts";

/** Where npm test wants the counts; absent in a run by hand. */
const tallyPath = process.env["LORMAS_TALLY"];

/** Rooms whose tests stand beside the code. */
const rooms = [
  "gen",
  "wire",
  "chance",
  "lease",
  "coordinator",
  "agent",
  "cli",
  "ui",
  "scripts",
  "simulator",
  "bench",
  "lab",
  "conformance",
];
/** Starts the PostgreSQL that testDatabase() makes databases on. */
const testPostgres = ["coordinator/src/store/test-postgres-setup.ts"];
const never = ["**/node_modules/**", "**/build/**", "**/.svelte-kit/**", "**/.lormas/**"];

/**
 * `*.test.ts` beside the code decides on values alone and is quick. `*.integration.test.ts` starts processes, databases or
 * engines; it gets more time. Playwright's tests are e2e/**\/*.spec.ts and run on their own; the other tests of whole fleets,
 * e2e/**\/*.test.ts, run with the fault campaigns (vitest.fleets.config.ts).
 */
export default defineConfig({
  test: {
    pool: "forks",
    // On two cores: a third uses what the others leave while they wait.
    maxWorkers: 3,
    // A wait without a bound of its own: vitest's second says more about the machine than about what is waited for.
    expect: { poll: { timeout: 10_000 } },
    // It says that it is for tests; it is used for tests.
    onConsoleLog: (text) => !/^oidc-provider (WARNING|NOTICE): /.test(text),
    reporters: tallyPath === undefined ? ["default"] : ["default", new VitestTallyReporter(tallyPath)],
    projects: [
      ...rooms.map((room) => ({
        extends: true as const,
        test: {
          name: room,
          include: [`${room}/**/*.test.ts`],
          exclude: [...never, "**/*.integration.test.ts"],
          // Most are over sooner than what they import is loaded: a worker keeps it. No test changes a module's state for others.
          isolate: false,
          ...(room === "coordinator" ? { globalSetup: testPostgres } : {}),
          testTimeout: 20_000,
          hookTimeout: 30_000,
        },
      })),
      {
        extends: true as const,
        test: {
          name: "integration",
          include: [`{${rooms.join(",")}}/**/*.integration.test.ts`],
          exclude: never,
          globalSetup: testPostgres,
          testTimeout: 90_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
