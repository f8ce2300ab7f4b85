import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate, timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { HandlerContext } from "@connectrpc/connect";
import type {
  ListUsageRequest,
  ListUsageResponseSchema,
  LiveUsageSchema,
  StreamUsageRequest,
  StreamUsageResponseSchema,
} from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { findContainerId } from "../../store/read-model/lookup.ts";
import { usageSamples } from "../../store/read-model/usage-readings.ts";
import type { LiveUsage } from "../../usage/usage-sample.ts";
import { apiError } from "../api-error.ts";
import { type Caller, streamGuardKey } from "../call-context.ts";
import { demand } from "../demand-permission.ts";
import { mustSee } from "../sight.ts";
import { givenMoment } from "./given-moment.ts";
import { callerOf, oneLook, type PlaneContext, read } from "./plane-context.ts";

/** Streams of what containers use that are open at once. */
export const USAGE_STREAMS_MAX = 1_000;

/** What containers use, and have used. */
export class UsageMethods {
  readonly #plane: PlaneContext;
  #streams = 0;

  constructor(plane: PlaneContext) {
    this.#plane = plane;
  }

  /** See ContainerService.ListUsage. */
  list({ id, hourly, from, to }: ListUsageRequest): Promise<MessageInitShape<typeof ListUsageResponseSchema>> {
    const { clock } = this.#plane;
    const asked = { from: givenMoment(from, "from"), to: givenMoment(to, "to") };
    return read(this.#plane, async (snapshot) => {
      const containerId = await findContainerId(snapshot.em, id, "id");
      const samples = await usageSamples(snapshot, {
        ...{ containerId, hourly },
        from: asked.from ?? new Date(0),
        until: asked.to ?? new Date(clock.wallMs()),
      });
      return {
        samples: samples.map((row) => ({
          ...{ at: timestampFromDate(row.at), seconds: row.seconds, reports: row.reports },
          ...{ cpuMillis: BigInt(row.cpuMillis), cpuMillisMax: BigInt(row.cpuMillisMax) },
          ...{ memoryBytes: BigInt(row.memoryBytes), memoryBytesMax: BigInt(row.memoryBytesMax) },
        })),
      };
    });
  }

  /** See ContainerService.StreamUsage. */
  async *stream(
    { id: named }: StreamUsageRequest,
    context: HandlerContext,
  ): AsyncIterable<MessageInitShape<typeof StreamUsageResponseSchema>> {
    const { usage, status, stopping } = this.#plane;
    const { id } = await this.#mayRead(named, callerOf(context));
    context.values.set(streamGuardKey, async (caller) => void (await this.#mayRead(named, caller)));
    if (!status.leading().leader)
      throw apiError("not_leader", "This coordinator does not lead, so no agent reports to it.");
    if (this.#streams >= USAGE_STREAMS_MAX) {
      throw apiError("watchers_full", `${USAGE_STREAMS_MAX} streams of what containers use are open already.`);
    }
    this.#streams += 1;
    const newest = new Newest<LiveUsage>(AbortSignal.any([context.signal, stopping]));
    const unwatch = usage.watch(id, (live) => newest.put(live));
    try {
      const latest = usage.latest(id);
      yield latest === null ? {} : { usage: liveView(latest) };
      for (let live = await newest.next(); live !== null; live = await newest.next()) yield { usage: liveView(live) };
    } finally {
      unwatch();
      newest.end();
      this.#streams -= 1;
    }
    if (stopping.aborted) throw apiError("shutting_down", "The coordinator is stopping.");
  }

  async #mayRead(named: string, caller: Caller): Promise<{ readonly id: string }> {
    const { id, name, place } = await mustSee(oneLook(this.#plane), caller, "container", named, "id");
    demand(caller, "container:view", { place, what: `container ${name}` });
    return { id };
  }
}

function liveView(live: LiveUsage): MessageInitShape<typeof LiveUsageSchema> {
  const { atMs, nodeId, epoch, cpuMillis, memoryBytes, io } = live;
  const amounts = { cpuMillis: BigInt(cpuMillis), memoryBytes: BigInt(memoryBytes) };
  const view = { at: timestampFromMs(Math.round(atMs)), nodeId, epoch: BigInt(epoch), ...amounts };
  if (io === undefined) return view;
  return {
    ...view,
    io: {
      networkReceivedBytes: BigInt(io.networkReceivedBytes),
      networkSentBytes: BigInt(io.networkSentBytes),
      diskReadBytes: BigInt(io.diskReadBytes),
      diskWrittenBytes: BigInt(io.diskWrittenBytes),
    },
  };
}

/** Holds the newest of what comes until it is asked for; what is older is dropped. Ends with the signal. */
class Newest<T> {
  readonly #signal: AbortSignal;
  readonly #wakeUp = (): void => this.#wake();
  #value: T | null = null;
  #wake: () => void = () => undefined;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener("abort", this.#wakeUp, { once: true });
  }

  put(value: T): void {
    this.#value = value;
    this.#wake();
  }

  /** The next one; null at the end. One caller at a time. */
  async next(): Promise<T | null> {
    while (this.#value === null && !this.#signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const value = this.#value;
    this.#value = null;
    return this.#signal.aborted ? null : value;
  }

  end(): void {
    this.#signal.removeEventListener("abort", this.#wakeUp);
  }
}
