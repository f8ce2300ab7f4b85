import type { ContainerRuntime, ContainerUsage, ObservedContainer } from "../runtime/container-runtime.ts";

type Measured = { readonly epoch: bigint; readonly session: bigint; readonly usage: ContainerUsage };

/**
 * What running containers used when that was last measured. Asked for apart from everything else: Docker takes a second to
 * compare two readings, and every answer that waited for it would be late by that.
 */
export class UsageMeter {
  readonly #runtime: Pick<ContainerRuntime, "list" | "usage">;
  /** By container; of what runs no more nothing is kept. */
  #measured: ReadonlyMap<string, Measured> = new Map();

  constructor(runtime: Pick<ContainerRuntime, "list" | "usage">) {
    this.#runtime = runtime;
  }

  /** Measures every container that runs now. */
  async measure(): Promise<void> {
    const running = (await this.#runtime.list()).filter(({ state }) => state === "running");
    const measured = await Promise.all(
      running.map(async ({ containerId, epoch, session }) => {
        const usage = await this.#runtime.usage(containerId);
        return usage === null ? [] : [[containerId, { epoch, session, usage }] as const];
      }),
    );
    this.#measured = new Map(measured.flat());
  }

  /** What this very copy used; null while it was not measured, and when it does not run. */
  of({ containerId, epoch, session, state }: ObservedContainer): ContainerUsage | null {
    const known = this.#measured.get(containerId);
    const isOfThisCopy = state === "running" && known?.epoch === epoch && known.session === session;
    return isOfThisCopy ? known.usage : null;
  }
}
