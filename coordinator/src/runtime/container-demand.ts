import { CRASHES_BEFORE_MOVE } from "../domain/container/command-budget.ts";
import type { ContainerInput, ContainerRemake } from "../domain/container/container-context.ts";
import { runtimesOf } from "../domain/workload.ts";
import type { NewContainer } from "./operations.ts";

/** What a container's actor must know of what its copies are made with. */
export function madeWith({ ha, resources, spec }: Pick<NewContainer, "ha" | "resources" | "spec">) {
  return {
    ha,
    resources,
    ports: spec.ports,
    runtimes: runtimesOf(spec),
    terminal: spec.tty ?? false,
    localData: spec.volumes.some((volume) => volume.kind === "local"),
    startBudgetMs: spec.startBudgetMs,
    installBudgetMs: spec.equipment?.install?.timeoutMs ?? 0,
    stopGraceMs: spec.stop.graceMs,
  } satisfies ContainerRemake;
}

/** What a container's actor must know of the wish that created it. */
export function containerInput(id: string, wish: NewContainer): ContainerInput {
  return {
    id,
    name: wish.name,
    ...madeWith(wish),
    preferredClusterId: wish.preferredClusterId,
    allowDataLoss: wish.allowDataLoss,
    desired: wish.desired,
    priority: wish.priority ?? "normal",
    crashesBeforeMove: wish.crashesBeforeMove ?? CRASHES_BEFORE_MOVE,
    ...(wish.demands ? { demands: wish.demands } : {}),
  };
}
