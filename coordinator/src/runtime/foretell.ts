import type { ClusterWishes } from "./cluster-wishes.ts";
import type { DecisionLoop } from "./decision-loop.ts";
import type { FleetView } from "./fleet-view.ts";
import { foresee } from "./foresee.ts";
import type { Operations } from "./operations.ts";
import type { OperatorWishes } from "./operator-wishes.ts";

/** Wishes all of whose effects are those of a decision: when that is dropped, nothing has happened. */
export type ForetellableWishes = {
  readonly operations: Pick<Operations, "createContainer" | "setDesired" | "updateContainer">;
  readonly operators: Pick<OperatorWishes, "update" | "remove">;
  readonly clusters: Pick<ClusterWishes, "createCluster" | "updateCluster" | "deleteCluster">;
};

/**
 * What a wish would come to: it is taken on the fleet as it is when its turn comes, by the decision that would grant it, and dropped.
 * Resolves with what it would answer and with what `look` sees of the fleet as it would be right after it. Rejects as the wish would.
 * `wish` makes one wish; `look` keeps nothing of what it is given.
 */
export type Foretell = <T, L>(
  wish: (wishes: ForetellableWishes) => Promise<T>,
  look: (fleet: FleetView) => L,
) => Promise<{ readonly answer: T; readonly seen: L }>;

type Loop = Pick<DecisionLoop, "submit">;

/** Foretells on a decision loop; `granting` makes what grants the wishes of it, on the loop that it is given. */
export function foretelling(loop: Loop, granting: (loop: Loop) => ForetellableWishes): Foretell {
  return async <T, L>(wish: (wishes: ForetellableWishes) => Promise<T>, look: (fleet: FleetView) => L) => {
    const seen: { value: L }[] = [];
    const dropping: Loop = {
      submit: (decide) =>
        foresee(loop, (work) => {
          const value = decide(work);
          // As the loop does before it commits: what waited has its turn.
          work.settle();
          seen.push({ value: look(work) });
          return value;
        }),
    };
    const answer = await wish(granting(dropping));
    const [first] = seen;
    if (!first) throw new Error("a wish was answered without a decision");
    return { answer, seen: first.value };
  };
}
