import type { ServiceImpl } from "@connectrpc/connect";
import {
  type Health,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from "@lormas/gen/grpc/health/v1/health_pb.ts";
import type { Clock } from "../runtime/clock.ts";
import { apiError } from "./api-error.ts";
import type { Readiness } from "./probes.ts";

/** Between two looks of a health watch, milliseconds. */
const LOOK_INTERVAL_MS = 2_000;

/** gRPC's own health service: the whole server ("") and each service serve when the coordinator is ready. */
export function grpcHealthService(
  serviceNames: readonly string[],
  readiness: Readiness,
  clock: Clock,
  stopping: AbortSignal,
): ServiceImpl<typeof Health> {
  const known = new Set(["", ...serviceNames]);
  const statusOf = async (service: string): Promise<ServingStatus> => {
    if (!known.has(service)) return ServingStatus.SERVICE_UNKNOWN;
    if (stopping.aborted) return ServingStatus.NOT_SERVING;
    return (await readiness()) === null ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
  };
  return {
    async check(request) {
      if (!known.has(request.service)) throw apiError("not_found", "There is no service of this name here.");
      return { status: await statusOf(request.service) };
    },

    async list() {
      const names = ["", ...serviceNames];
      const statuses = await Promise.all(names.map(async (name) => [name, { status: await statusOf(name) }] as const));
      return { statuses: Object.fromEntries(statuses) };
    },

    async *watch(request, context) {
      const signal = AbortSignal.any([context.signal, stopping]);
      let last: ServingStatus | null = null;
      while (!signal.aborted) {
        const status = await statusOf(request.service);
        if (status !== last) yield { status };
        last = status;
        await pause(clock, LOOK_INTERVAL_MS, signal);
      }
      if (stopping.aborted) throw apiError("shutting_down", "The coordinator is stopping.");
    },
  };
}

function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = (): void => {
      cancel();
      signal.removeEventListener("abort", end);
      resolve();
    };
    const cancel = clock.schedule(ms, end);
    signal.addEventListener("abort", end, { once: true });
  });
}
