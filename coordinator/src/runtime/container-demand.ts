import { CRASHES_BEFORE_MOVE } from "../domain/container/command-budget.ts";
import type { ContainerInput } from "../domain/container/container-context.ts";
import type { NewContainer } from "./operations.ts";

/** What a container's actor must know of the wish that created it. */
export function containerInput(id: string, wish: NewContainer): ContainerInput {
  return {
    id,
    name: wish.name,
    ha: wish.ha,
    resources: wish.resources,
    ports: wish.spec.ports,
    runtimes: Object.keys(wish.spec.startup),
    preferredClusterId: wish.preferredClusterId,
    localData: wish.spec.volumes.some((volume) => volume.kind === "local"),
    allowDataLoss: wish.allowDataLoss,
    startBudgetMs: wish.spec.startBudgetMs,
    stopGraceMs: wish.spec.stop.graceMs,
    desired: wish.desired,
    priority: wish.priority ?? "normal",
    crashesBeforeMove: wish.crashesBeforeMove ?? CRASHES_BEFORE_MOVE,
  };
}
