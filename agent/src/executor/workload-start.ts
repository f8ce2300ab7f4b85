import { toJson } from "@bufbuild/protobuf";
import type { Command } from "@lormas/gen/lormas/agent/v1/agent_pb.ts";
import { type WorkloadSpec, WorkloadSpecSchema } from "@lormas/gen/lormas/agent/v1/workload_pb.ts";
import type { BootClock, Timers } from "../clock/clock.ts";
import type { GuardLink } from "../guard-client/guard-link.ts";
import type { Journal } from "../journal/journal.ts";
import { type ContainerRuntime, type GuardedGroup, RuntimeFault } from "../runtime/container-runtime.ts";
import { type CommandOutcome, failed, SUCCEEDED } from "./command-gate.ts";
import type { CommandTime } from "./command-time.ts";
import type { ContainerSlot } from "./container-slot.ts";
import { engineAnswers } from "./engine-wait.ts";
import { healthProbe, healthTimes } from "./health-check.ts";
import type { parallelLimit } from "./parallel-limit.ts";
import { awaitServing } from "./serving-wait.ts";
import { whyEnded } from "./start-failure.ts";
import { releaseStart } from "./start-release.ts";

/** A process without a health check must live this long to count as started. */
const SETTLE_MS = 100;

export type WorkloadStartParts = {
  readonly runtime: ContainerRuntime;
  readonly journal: Journal;
  readonly guard: GuardLink;
  readonly mayStart: () => boolean;
  readonly leaving: () => boolean;
  readonly address: string;
  readonly clock: BootClock;
  readonly timers: Timers;
  /** Bounds how many starts are at work at once. */
  readonly limit: ReturnType<typeof parallelLimit>;
  /** What crashed before is settled by this start. */
  readonly settled: (containerId: string) => void;
  readonly watch: (spec: WorkloadSpec, kind: "healthy" | "unhealthy", detail?: string) => void;
  readonly observe: (slot: ContainerSlot) => Promise<void>;
};

/**
 * Carries out a start: the journal first, then the runtime; answers once the copy serves. A stop or removal that comes in
 * between cuts it, as does the end of its time; a copy that runs by then is left to whoever cut it.
 */
export async function startWorkload(
  command: Command,
  spec: WorkloadSpec,
  slot: ContainerSlot,
  time: CommandTime,
  parts: WorkloadStartParts,
): Promise<CommandOutcome> {
  const { runtime, journal, guard, timers } = parts;
  const containerId = command.containerId;
  const wait = slot.openWait();
  const cut = AbortSignal.any([wait, time.signal]);
  const overtaken = () =>
    new RuntimeFault("start_failed", `container ${spec.containerName} was stopped before it was started`);
  await engineAnswers(runtime, parts.clock, timers, cut);
  if (cut.aborted) throw overtaken();
  const before = await runtime.inspect(containerId);
  const isOfThisOrder = before?.epoch === command.epoch && before.session === command.session;
  // It ran and ended before its agent could answer, which died or was cut short. No order starts an epoch twice: whether there
  // is another one the coordinator decides.
  if (isOfThisOrder && before.state === "exited") {
    return failed("start_failed", await whyEnded(runtime, spec, before));
  }
  const isThisCopy = isOfThisOrder && before.state === "running";
  if (!isThisCopy) {
    slot.endWatch();
    if (before?.state === "running") {
      await runtime.stop(containerId, "SIGKILL", 0);
      await guard.forget(containerId);
    }
    await journal.append({
      kind: "started",
      containerId,
      epoch: String(command.epoch),
      session: String(command.session),
      spec: toJson(WorkloadSpecSchema, spec),
    });
    const release = async (group: GuardedGroup | null) => {
      if (cut.aborted || time.isUp) throw overtaken();
      await releaseStart(command, spec, group, parts);
      slot.appearing = true;
    };
    const request = { spec, epoch: command.epoch, session: command.session, cut, release };
    try {
      await parts.limit(() => runtime.start(request), cut);
    } catch (error) {
      throw wait.aborted ? overtaken() : error;
    } finally {
      slot.appearing = false;
    }
    parts.settled(containerId);
  }
  const probe = healthProbe(spec, parts.address, runtime, timers);
  if (!probe) {
    await timers.sleep(SETTLE_MS, cut);
    const after = await runtime.inspect(containerId);
    if (after?.state !== "running") return failed("start_failed", await whyEnded(runtime, spec, after));
    slot.health = { kind: "none", detail: "" };
    return SUCCEEDED;
  }
  slot.health = { kind: "starting", detail: "" };
  await parts.observe(slot);
  const times = healthTimes(spec.health ?? noHealthCheck());
  const outcome = await awaitServing(containerId, probe, times, parts, cut);
  if (outcome.kind === "healthy") {
    parts.watch(spec, "healthy");
    return SUCCEEDED;
  }
  const now = await runtime.inspect(containerId);
  if (now?.state !== "running") return failed("start_failed", await whyEnded(runtime, spec, now));
  if (cut.aborted) return failed("start_failed", `container ${spec.containerName} was stopped before it was healthy`);
  parts.watch(spec, "unhealthy", outcome.lastProblem);
  return failed(
    "health_timeout",
    `container ${spec.containerName} runs but was not healthy within ${times.startBudgetMs} ms: ${outcome.lastProblem}; ` +
      "look at its logs, or give its health check a longer start budget",
  );
}

function noHealthCheck(): never {
  throw new Error("a health watch without a health check");
}
