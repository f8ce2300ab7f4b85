import { defineConfig } from "@playwright/test";

/** Chromium's path: LORMAS_CHROMIUM, else where Debian puts it. */
const executablePath = process.env["LORMAS_CHROMIUM"] ?? "/usr/bin/chromium";

// One browser, one fleet, one test after the other: the machine may have two cores.
export default defineConfig({
  testDir: ".",
  testMatch: "**/*.spec.ts",
  outputDir: "test-results",
  workers: 1,
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
