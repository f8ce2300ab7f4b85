import { tmpdir } from "node:os";
import fc from "fast-check";
import { expect, test } from "vitest";
import { cpuLimitMillis, cpuUsedMillis, parseCpuTimes, parseMemInfo, ResourceMeter } from "./node-resources.ts";

test("reads CPU times, with waiting for disks as idle and guests counted once", () => {
  expect(parseCpuTimes("cpu  100 0 50 800 40 5 5 0 30 0\ncpu0 1 2 3")).toEqual({ total: 1_000, busy: 160 });
  expect(parseCpuTimes("intr 5")).toBeNull();
});

test("CPU in use is never negative and never above what the node has", () => {
  const times = fc.record({ busy: fc.nat(10_000), total: fc.nat(10_000) });
  fc.assert(
    fc.property(times, times, fc.integer({ min: 1, max: 128_000 }), (before, after, cores) => {
      const used = cpuUsedMillis(before, after, cores);
      expect(used).toBeGreaterThanOrEqual(0);
      expect(used).toBeLessThanOrEqual(cores);
    }),
  );
  expect(cpuUsedMillis({ busy: 0, total: 0 }, { busy: 50, total: 200 }, 2_000)).toBe(500);
});

test("limits and memory are read as bytes and thousandths of a core", () => {
  expect(parseMemInfo("MemTotal:  16 kB\nMemAvailable:    8 kB\n", "MemAvailable")).toBe(8_192n);
  expect(cpuLimitMillis("150000", "100000")).toBe(1_500);
  expect(cpuLimitMillis("max", "100000")).toBeNull();
  expect(cpuLimitMillis("-1", "100000")).toBeNull();
});

test("measures this machine within its own bounds", async () => {
  const { capacity, usage } = await new ResourceMeter(tmpdir()).measure();
  expect(capacity.cpuMillis).toBeGreaterThan(0);
  expect(capacity.memoryBytes).toBeGreaterThan(0n);
  expect(usage.diskBytes).toBeLessThanOrEqual(capacity.diskBytes);
});
