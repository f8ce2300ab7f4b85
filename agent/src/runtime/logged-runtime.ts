import type { Logger } from "pino";
import type { BootClock } from "../clock/clock.ts";
import { type ContainerRuntime, RuntimeFault } from "./container-runtime.ts";

/** A runtime whose calls that change something on the node each leave a line in the log, when they have ended. */
export function loggedRuntime(runtime: ContainerRuntime, clock: BootClock, log: Logger): ContainerRuntime {
  const { kind } = runtime;
  const logged = async (call: string, containerId: string, act: () => Promise<void>): Promise<void> => {
    const startedMs = clock.nowMs();
    const told = () => ({ runtime: kind, call, containerId, tookMs: Math.round(clock.nowMs() - startedMs) });
    try {
      await act();
    } catch (error) {
      // Its words go to the coordinator, which masks what is secret of them; a log is read by others.
      const code = error instanceof RuntimeFault ? error.code : "unexpected";
      log.warn({ ...told(), code }, "runtime call failed");
      throw error;
    }
    log.info(told(), "runtime call done");
  };
  return {
    kind,
    prepare: (spec, cut, pull) => logged("prepare", spec.containerId, () => runtime.prepare(spec, cut, pull)),
    install: (request) => logged("install", request.spec.containerId, () => runtime.install(request)),
    start: (request) => logged("start", request.spec.containerId, () => runtime.start(request)),
    stop: (containerId, signal, graceMs, cut, command) =>
      logged("stop", containerId, () => runtime.stop(containerId, signal, graceMs, cut, command)),
    remove: (containerId, removeVolumes) =>
      logged("remove", containerId, () => runtime.remove(containerId, removeVolumes)),
    ready: () => runtime.ready(),
    list: () => runtime.list(),
    inspect: (containerId) => runtime.inspect(containerId),
    usage: (containerId) => runtime.usage(containerId),
    run: (containerId, commandLine, timeoutMs) => runtime.run(containerId, commandLine, timeoutMs),
    logs: (containerId, request) => runtime.logs(containerId, request),
    input: (containerId, epoch, data) => runtime.input(containerId, epoch, data),
    terminal: (containerId, signal) => runtime.terminal(containerId, signal),
    resize: (containerId, epoch, size) => runtime.resize(containerId, epoch, size),
    onChange: (listener) => runtime.onChange(listener),
    close: () => runtime.close(),
  };
}
