import { get } from "node:http";
import { connect } from "node:net";
import type { HealthCheck, WorkloadSpec } from "@lormas/gen/lormas/agent/v1/workload_pb.ts";
import type { Timers } from "../clock/clock.ts";
import type { ContainerRuntime } from "../runtime/container-runtime.ts";

/** One look at a container: null when it serves, else why not, for people. */
export type HealthProbe = () => Promise<string | null>;

/** Bounds for what a spec leaves open or sets oddly, in milliseconds. */
export const HEALTH_DEFAULTS = { intervalMs: 500, timeoutMs: 2_000, startBudgetMs: 60_000 } as const;
const INTERVAL_MIN_MS = 20;

/** The times of a check with zeroes filled in. */
export function healthTimes(check: HealthCheck): { intervalMs: number; timeoutMs: number; startBudgetMs: number } {
  return {
    intervalMs: Math.max(INTERVAL_MIN_MS, check.intervalMs || HEALTH_DEFAULTS.intervalMs),
    timeoutMs: check.timeoutMs || HEALTH_DEFAULTS.timeoutMs,
    startBudgetMs: check.startBudgetMs || HEALTH_DEFAULTS.startBudgetMs,
  };
}

/** Stands for the check of a spec that has a probe, and so has one. */
export function noHealthCheck(): never {
  throw new Error("a health watch without a health check");
}

/** Makes the probe of a spec; null when it has no check. A check of an unknown port never succeeds and says so. */
export function healthProbe(
  spec: WorkloadSpec,
  address: string,
  runtime: ContainerRuntime,
  timers: Timers,
): HealthProbe | null {
  const check = spec.health;
  if (!check) return null;
  const { timeoutMs } = healthTimes(check);
  if (check.kind === "command") return () => probeCommand(runtime, spec.containerId, check.command, timeoutMs);
  const port = spec.ports.find((candidate) => candidate.name === check.portName);
  if (!port) return async () => `the health check names port "${check.portName}", which the container does not publish`;
  if (check.kind === "http") return () => probeHttp(address, port.hostPort, check.path || "/", timeoutMs, timers);
  return () => probeTcp(address, port.hostPort, timeoutMs, timers);
}

async function probeCommand(
  runtime: ContainerRuntime,
  containerId: string,
  commandLine: string,
  timeoutMs: number,
): Promise<string | null> {
  try {
    const code = await runtime.run(containerId, commandLine, timeoutMs);
    return code === 0 ? null : `"${commandLine}" ended with exit code ${code}`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function probeTcp(host: string, port: number, timeoutMs: number, timers: Timers): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (problem: string | null) => {
      cancel();
      socket.destroy();
      resolve(problem);
    };
    const cancel = timers.after(timeoutMs, () => end(`no connection to ${host}:${port} within ${timeoutMs} ms`));
    socket.once("connect", () => end(null));
    socket.once("error", (error: NodeJS.ErrnoException) =>
      end(`connect ${host}:${port}: ${error.code ?? error.message}`),
    );
  });
}

function probeHttp(
  host: string,
  port: number,
  path: string,
  timeoutMs: number,
  timers: Timers,
): Promise<string | null> {
  return new Promise((resolve) => {
    const request = get({ host, port, path, agent: false, headers: { "user-agent": "lormas-health" } }, (response) => {
      const status = response.statusCode ?? 0;
      end(status >= 200 && status < 400 ? null : `GET http://${host}:${port}${path} answered ${status}`);
    });
    const end = (problem: string | null) => {
      cancel();
      request.destroy();
      resolve(problem);
    };
    const cancel = timers.after(timeoutMs, () =>
      end(`GET http://${host}:${port}${path}: no answer within ${timeoutMs} ms`),
    );
    request.on("error", (error: NodeJS.ErrnoException) =>
      end(`GET http://${host}:${port}${path}: ${error.code ?? error.message}`),
    );
  });
}
