import { defineConfig } from "@playwright/test";

/** Chromium's path: LORMAS_CHROMIUM, else where Debian puts it. */
const executablePath = process.env["LORMAS_CHROMIUM"] ?? "/usr/bin/chromium";

// A file has a browser and a fleet of its own and runs its tests one after the other; a second file uses what the first leaves of two
// cores while it waits.
export default defineConfig({
  testDir: ".",
  testMatch: "**/*.spec.ts",
  outputDir: "test-results",
  workers: 2,
  retries: 0,
  forbidOnly: true,
  timeout: 120_000,
  expect: { timeout: 30_000 },
  reporter: [["list"]],
  use: {
    screenshot: "only-on-failure",
    viewport: { width: 1280, height: 800 },
    launchOptions: {
      executablePath,
      args: [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    },
  },
});
