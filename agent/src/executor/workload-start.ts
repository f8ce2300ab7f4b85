import { toJson } from "@bufbuild/protobuf";
import type { Command, Start } from "@lormas/gen/lormas/agent/v1/agent_pb.ts";
import { type WorkloadSpec, WorkloadSpecSchema } from "@lormas/gen/lormas/agent/v1/workload_pb.ts";
import type { GuardedGroup } from "../runtime/container-runtime.ts";
import { type CommandOutcome, failed, SUCCEEDED } from "./command-gate.ts";
import type { CommandTime } from "./command-time.ts";
import type { ContainerSlot } from "./container-slot.ts";
import { engineAnswers } from "./engine-wait.ts";
import { healthProbe, healthTimes, noHealthCheck } from "./health-check.ts";
import { pullOrder } from "./pull-order.ts";
import { awaitReadyOutput, READY_BUDGET_MS_DEFAULT } from "./ready-output.ts";
import { awaitServing } from "./serving-wait.ts";
import { overtakenStart, whyEnded } from "./start-failure.ts";
import { releaseStart } from "./start-release.ts";
import { checkedSpec, withoutInstall } from "./stored-spec.ts";
import { installVolume } from "./volume-install.ts";
import type { WorkloadStartParts } from "./workload-start-parts.ts";

/** A process without a health check must live this long to count as started. */
const SETTLE_MS = 100;
/** Lines that were waited for in vain and are named, and characters of each. */
const LINES_NAMED_MAX = 3;
const LINE_NAMED_CHARS = 120;

/**
 * Carries out a start: the journal first, then the runtime; answers once the copy serves. A stop or removal that comes in
 * between cuts it, as does the end of its time; a copy that runs by then is left to whoever cut it.
 */
export async function startWorkload(
  command: Command,
  order: Start,
  slot: ContainerSlot,
  time: CommandTime,
  parts: WorkloadStartParts,
): Promise<CommandOutcome> {
  const spec = checkedSpec(order.spec);
  const pull = pullOrder(order, slot);
  const { runtime, journal, guard, timers } = parts;
  const containerId = command.containerId;
  const wait = slot.openWait();
  const cut = AbortSignal.any([wait, time.signal]);
  const overtaken = () => overtakenStart(spec);
  await engineAnswers(runtime, parts.clock, timers, cut);
  if (cut.aborted) throw overtaken();
  const before = await runtime.inspect(containerId);
  const isOfThisOrder = before?.epoch === command.epoch && before.session === command.session;
  // It ran and ended before its agent could answer, which died or was cut short. No order starts an epoch twice: whether there
  // is another one the coordinator decides.
  // A script that ended well is no end of the copy: the start goes on where its agent left it.
  const isInstalled = before?.isInstall === true && before.exitCode === 0;
  if (isOfThisOrder && before.state === "exited" && !isInstalled) {
    return failed("start_failed", await whyEnded(runtime, spec, before));
  }
  const isThisCopy = isOfThisOrder && before.state === "running";
  if (!isThisCopy) {
    slot.endWatch();
    if (before?.state === "running") {
      await runtime.stop(containerId, "SIGKILL", 0);
      await guard.forget(containerId);
    }
    await installVolume(command, spec, slot, { wait, cut, again: false, pull }, parts);
    await journal.append({
      kind: "started",
      containerId,
      epoch: String(command.epoch),
      session: String(command.session),
      spec: toJson(WorkloadSpecSchema, withoutInstall(spec)),
    });
    const release = async (group: GuardedGroup | null) => {
      if (cut.aborted || time.isUp) throw overtaken();
      await releaseStart(command, spec, group, parts);
      slot.appearing = true;
    };
    const permit = () => releaseStart(command, spec, null, parts);
    const request = { spec, epoch: command.epoch, session: command.session, cut, pull, permit, release };
    try {
      await parts.limit(() => runtime.start(request), cut);
    } catch (error) {
      throw wait.aborted ? overtaken() : error;
    } finally {
      slot.appearing = false;
    }
    parts.settled(containerId);
  }
  const unready = await readyProblem(spec, slot, parts, cut);
  if (unready !== null) return unready;
  const probe = healthProbe(spec, parts.address, runtime, timers);
  if (!probe) {
    await timers.sleep(spec.equipment?.ready ? 0 : SETTLE_MS, cut);
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

/** Waits for the line that tells that the copy is ready, where there is one; null: it is. */
async function readyProblem(
  spec: WorkloadSpec,
  slot: ContainerSlot,
  parts: WorkloadStartParts,
  cut: AbortSignal,
): Promise<CommandOutcome | null> {
  const ready = spec.equipment?.ready;
  if (!ready) return null;
  slot.health = { kind: "starting", detail: "it has not written yet that it is ready" };
  await parts.observe(slot);
  const wait = await awaitReadyOutput(spec, ready, parts, cut);
  if (wait === "ready") return null;
  const now = await parts.runtime.inspect(spec.containerId);
  if (now?.state !== "running") return failed("start_failed", await whyEnded(parts.runtime, spec, now));
  if (wait === "ended") {
    return failed("start_failed", `container ${spec.containerName} was stopped before it was ready`);
  }
  const lines = ready.lines.slice(0, LINES_NAMED_MAX).map((line) => JSON.stringify(line.slice(0, LINE_NAMED_CHARS)));
  const reason = `wrote no line with ${lines.join(" or ")} within ${ready.budgetMs || READY_BUDGET_MS_DEFAULT} ms`;
  slot.health = { kind: "unhealthy", detail: `it ${reason}` };
  return failed(
    "health_timeout",
    `container ${spec.containerName} runs but ${reason}; look at its logs, or correct in its egg what tells that it is ready`,
  );
}
