import { expect, test } from "vitest";
import type { ContainerUsage, ObservedContainer } from "../runtime/container-runtime.ts";
import { UsageMeter } from "./usage-meter.ts";

const USED: ContainerUsage = { memoryUsedBytes: 4_096, cpuUsedMillis: 7 };
const copy = (containerId: string, change: Partial<ObservedContainer> = {}): ObservedContainer => ({
  ...{ containerId, epoch: 1n, session: 1n, ha: true, exitCode: null, detail: "", upMs: 1 },
  state: "running",
  ...change,
});
const meterOf = (present: readonly ObservedContainer[], usage: () => Promise<ContainerUsage | null>) =>
  new UsageMeter({ list: async () => [...present], usage });

test("what runs is measured when asked for, and known until the next time", async () => {
  const ended = copy("ended", { state: "exited" });
  const present = [copy("web"), ended];
  const meter = meterOf(present, async () => USED);
  expect(meter.of(copy("web"))).toBeNull();
  await meter.measure();
  expect(meter.of(copy("web"))).toEqual(USED);
  expect(meter.of(ended)).toBeNull();
  present.length = 0;
  await meter.measure();
  expect(meter.of(copy("web"))).toBeNull();
});

test("a measurement that outlasts the copy it was of is not told of the next one", async () => {
  const meter = meterOf([copy("web")], async () => USED);
  await meter.measure();
  expect(meter.of(copy("web", { epoch: 2n }))).toBeNull();
  expect(meter.of(copy("web", { session: 2n }))).toBeNull();
  expect(meter.of(copy("web", { state: "exited" }))).toBeNull();
});

test("what the runtime knows nothing of has no usage", async () => {
  const meter = meterOf([copy("web")], async () => null);
  await meter.measure();
  expect(meter.of(copy("web"))).toBeNull();
});
