import type { Decide, DecisionLoop } from "./decision-loop.ts";

/**
 * What a decision would come to, taken on the fleet as it is when its turn comes; nothing of it is kept. Rejects as submit does,
 * and with what `decide` throws.
 */
export async function foresee<T>(loop: Pick<DecisionLoop, "submit">, decide: Decide<T>): Promise<T> {
  const seen: { value: T }[] = [];
  const dropped = new Error("foreseen, not decided");
  await loop
    .submit((work) => {
      seen.push({ value: decide(work) });
      // Whatever refuses is dropped, with all that it did.
      throw dropped;
    })
    .catch((error: unknown) => {
      if (error !== dropped) throw error;
    });
  const [first] = seen;
  if (!first) throw new Error("a decision was answered and never taken");
  return first.value;
}
