import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { systemClock } from "./system-clock.ts";

test.runIf(process.platform === "linux")("the boot clock is the machine's, in which suspend counts", async () => {
  const uptimeMs = (): number => Number.parseFloat(readFileSync("/proc/uptime", "utf8")) * 1_000;
  const before = uptimeMs();
  const now = systemClock.bootMs();
  expect(now).toBeGreaterThanOrEqual(Math.round(before));
  expect(now).toBeLessThanOrEqual(Math.round(uptimeMs()));
  await new Promise<void>((resolve) => systemClock.schedule(50, resolve));
  expect(systemClock.bootMs() - now).toBeGreaterThanOrEqual(40);
});
