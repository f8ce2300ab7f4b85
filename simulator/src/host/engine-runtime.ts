import {
  type ContainerRuntime,
  InputFault,
  type InstallRequest,
  type ObservedContainer,
  RuntimeFault,
  type StartRequest,
} from "@lormas/agent/runtime/container-runtime.ts";
import type { WorkloadSpec } from "@lormas/gen/lormas/agent/v1/workload_pb.ts";
import type { HostClock } from "../clock/host-clock.ts";
import type { SimulatedProcess } from "../process/simulated-process.ts";
import type { ContainerCopy } from "./container-copy.ts";
import type { ContainerEngine } from "./container-engine.ts";

/** The bounds of the docker driver. */
const CALL_MS = 10_000;
const START_MS = 60_000;
const PING_MS = 1_500;
const KILL_MS = 10_000;
const PULL_MS = 900_000;

export type EngineRuntimeParts = {
  readonly engine: ContainerEngine;
  readonly process: SimulatedProcess;
  readonly clock: HostClock;
};

/**
 * One agent's view of its host's engine: the same calls in the same order, with the same bounds, as the docker driver makes.
 */
export class EngineRuntime implements ContainerRuntime {
  readonly kind = "docker";
  readonly #parts: EngineRuntimeParts;

  constructor(parts: EngineRuntimeParts) {
    this.#parts = parts;
  }

  ready(): Promise<boolean> {
    const { engine, process } = this.#parts;
    if (engine.answers) return Promise.resolve(true);
    return new Promise((resolve) => void process.after(PING_MS, () => resolve(false)));
  }

  async prepare({ containerId }: WorkloadSpec, cut?: AbortSignal): Promise<void> {
    const { engine } = this.#parts;
    const pullMs = await this.#call("image", CALL_MS, () => engine.pullMs(containerId));
    if (pullMs > 0) await this.#pull(pullMs, cut);
    engine.pulled(containerId);
  }

  /** The simulated fleet knows no volumes to fill, and its operators make no container with a script. */
  async install({ spec }: InstallRequest): Promise<void> {
    throw new RuntimeFault("unsupported_runtime", `container ${spec.containerName} has an install script`);
  }

  async start({ spec, epoch, session, cut, release }: StartRequest): Promise<void> {
    const { engine } = this.#parts;
    const what = `container ${spec.containerName}`;
    await this.prepare(spec, cut);
    for (const old of await this.#find(spec.containerId)) await this.#remove(old.engineId);
    const engineId = await this.#call(what, START_MS, () => engine.create(spec, epoch, session));
    try {
      await release(null);
      await this.#call(what, START_MS, () => engine.start(engineId), "start");
    } catch (error) {
      await this.#remove(engineId);
      throw error instanceof RuntimeFault ? error : new RuntimeFault("runtime_error", `${what} could not be started`);
    }
  }

  async stop(containerId: string, signal: string, graceMs: number, cut?: AbortSignal): Promise<void> {
    const { engine } = this.#parts;
    for (const { engineId, state } of await this.#find(containerId)) {
      if (state === "created") await this.#remove(engineId);
      if (state !== "running") continue;
      if (graceMs > 0) {
        await this.#call("kill", CALL_MS, () => engine.kill(engineId, signal || "SIGTERM"));
        if (await this.#ended(engineId, graceMs, cut)) continue;
      }
      await this.#call("kill", CALL_MS, () => engine.kill(engineId, "SIGKILL"));
      if (await this.#ended(engineId, KILL_MS)) continue;
      throw new RuntimeFault("runtime_error", `container ${containerId} does not end within ${KILL_MS} ms of SIGKILL`);
    }
  }

  async remove(containerId: string): Promise<void> {
    for (const { engineId } of await this.#find(containerId)) await this.#remove(engineId);
  }

  async list(): Promise<ObservedContainer[]> {
    return (await this.#find(null)).map((copy) => this.#observed(copy));
  }

  async inspect(containerId: string): Promise<ObservedContainer | null> {
    const [copy] = await this.#find(containerId);
    return copy ? this.#observed(copy) : null;
  }

  async usage(): Promise<null> {
    return null;
  }

  async run(containerId: string): Promise<number> {
    const { engine } = this.#parts;
    return this.#call("exec", CALL_MS, () => (engine.find(containerId).some(({ executing }) => executing) ? 0 : 1));
  }

  async *logs(): AsyncGenerator<never> {}

  async input(): Promise<void> {
    throw new InputFault("no_input", "nothing that is simulated reads an input");
  }

  terminal(): never {
    throw new InputFault("no_terminal", "nothing that is simulated has a terminal");
  }

  async resize(): Promise<void> {
    throw new InputFault("no_terminal", "nothing that is simulated has a terminal");
  }

  onChange(listener: (containerId: string) => void): () => void {
    const { engine, process } = this.#parts;
    const stop = engine.onEvent((containerId) => process.enter(() => listener(containerId)));
    process.atEnd(stop);
    return stop;
  }

  async close(): Promise<void> {}

  /** An engine gives a pull up when who has asked for it does. */
  #pull(pullMs: number, cut: AbortSignal | undefined): Promise<void> {
    const { process, clock } = this.#parts;
    return new Promise((resolve, reject) => {
      const end = (fault: RuntimeFault | null): void => {
        cancel();
        cut?.removeEventListener("abort", giveUp);
        if (fault) reject(fault);
        else resolve();
      };
      const giveUp = (): void => end(new RuntimeFault("image_unavailable", "the pull of the image was given up"));
      const late = pullMs > PULL_MS;
      const cancel = process.after(Math.min(pullMs, PULL_MS) * clock.rate, () =>
        end(late ? new RuntimeFault("image_unavailable", `the image did not come within ${PULL_MS} ms`) : null),
      );
      if (cut?.aborted) giveUp();
      else cut?.addEventListener("abort", giveUp, { once: true });
    });
  }

  #find(containerId: string | null): Promise<ContainerCopy[]> {
    // Copied as they are at that moment: what the engine has told does not change in the agent's hands.
    return this.#call("containers", CALL_MS, () => this.#parts.engine.find(containerId).map((copy) => ({ ...copy })));
  }

  #remove(engineId: number): Promise<void> {
    return this.#call("remove", START_MS, () => this.#parts.engine.remove(engineId));
  }

  #ended(engineId: number, withinMs: number, cut?: AbortSignal): Promise<boolean> {
    const { engine, process } = this.#parts;
    return new Promise((resolve) => {
      const cancel = process.after(withinMs, () => resolve(false));
      const cutShort = () => {
        cancel();
        resolve(false);
      };
      cut?.addEventListener("abort", cutShort, { once: true });
      if (cut?.aborted) cutShort();
      process.emit(() =>
        engine.call("quick", () =>
          engine.whenEnded(engineId, () =>
            process.enter(() => {
              cancel();
              resolve(true);
            }),
          ),
        ),
      );
    });
  }

  #observed(copy: ContainerCopy): ObservedContainer {
    const { containerId, epoch, session, ha, state, exitCode, startedMs } = copy;
    const running = state === "running";
    return {
      containerId,
      epoch,
      session,
      ha,
      state,
      exitCode: state === "exited" ? exitCode : null,
      detail: state === "exited" ? `ended with exit code ${exitCode}` : "",
      upMs: running ? Math.max(1, this.#parts.clock.bootMs() - startedMs) : 0,
    };
  }

  #call<T>(what: string, withinMs: number, act: () => T, kind: "quick" | "start" = "quick"): Promise<T> {
    const { engine, process } = this.#parts;
    return new Promise<T>((resolve, reject) => {
      const cancel = process.after(withinMs, () =>
        reject(new RuntimeFault("runtime_error", `${what}: the engine did not answer within ${withinMs} ms`)),
      );
      process.emit(() =>
        engine.call(kind, () => {
          let outcome: { readonly value: T } | { readonly error: unknown };
          try {
            outcome = { value: act() };
          } catch (error) {
            outcome = { error };
          }
          process.enter(() => {
            cancel();
            if ("error" in outcome) reject(outcome.error);
            else resolve(outcome.value);
          });
        }),
      );
    });
  }
}
