import type Docker from "dockerode";
import type { Timers } from "../../clock/clock.ts";
import { RuntimeFault } from "../container-runtime.ts";
import { engineStatus } from "./docker-fault.ts";

/** So long one answer of the engine is waited for before the container is looked at. */
const SLICE_MS = 5_000;
/** Between two looks: an engine that is away refuses at once. */
const AGAIN_MS = 500;
const LOOK_MS = 10_000;

type WaitParts = {
  readonly timers: Timers;
  readonly call: <T>(what: string, withinMs: number, act: () => Promise<T>) => Promise<T>;
};

/**
 * True once the container has ended or is gone, false as soon as the signal is aborted, whatever the engine does meanwhile. The
 * library hears nothing of a connection that breaks behind the answer's headers, as when dockerd dies, so no single wait is
 * believed in: each is given up after SLICE_MS, and the container is looked at. An engine that is away is asked again.
 */
export async function awaitContainerEnd(
  container: Docker.Container,
  signal: AbortSignal,
  parts: WaitParts,
): Promise<boolean> {
  while (!signal.aborted) {
    if (await unlessAborted(signal, hasEnded(container, signal, parts))) return true;
    await parts.timers.sleep(AGAIN_MS, signal);
  }
  return false;
}

async function hasEnded(
  container: Docker.Container,
  signal: AbortSignal,
  { timers, call }: WaitParts,
): Promise<boolean> {
  const slice = new AbortController();
  const over = AbortSignal.any([signal, slice.signal]);
  const wait = container.wait({ condition: "not-running", abortSignal: over }).then(
    () => true,
    (error: unknown) => engineStatus(error) === 404,
  );
  const pause = timers.sleep(SLICE_MS, over).then(() => false);
  const waited = await Promise.race([wait, pause]);
  slice.abort();
  if (waited || signal.aborted) return waited;
  try {
    const { State } = await call("container", LOOK_MS, () => container.inspect());
    return !State.Running && !State.Paused;
  } catch (error) {
    // Away or refusing: what is done once the signal comes tells of an engine that stays so.
    return error instanceof RuntimeFault && engineStatus(error.cause) === 404;
  }
}

/** What the promise answers, or null as soon as the signal is aborted; what comes of the promise then is dropped. */
export async function unlessAborted<T>(signal: AbortSignal | undefined, promise: Promise<T>): Promise<T | null> {
  if (!signal) return promise;
  let forget = (): void => undefined;
  const aborted = new Promise<null>((resolve) => {
    const done = () => resolve(null);
    forget = () => signal.removeEventListener("abort", done);
    signal.addEventListener("abort", done, { once: true });
    if (signal.aborted) done();
  });
  promise.catch(() => undefined);
  return Promise.race([promise, aborted]).finally(forget);
}
