import type { AgentConfig } from "../config/agent-config.ts";
import type { ContainerRuntime } from "./container-runtime.ts";
import { ExecRuntime, type ExecRuntimeOptions } from "./exec/exec-runtime.ts";

/** Opens the runtime that the settings ask for. Rejects when it cannot be used, saying why and what to do. */
export async function openRuntime(
  options: Omit<ExecRuntimeOptions, "dataDir" | "sharedDir"> & { readonly config: AgentConfig },
): Promise<ContainerRuntime> {
  const { config } = options;
  return ExecRuntime.open({ ...options, dataDir: config.dataDir, sharedDir: config.sharedDir });
}
