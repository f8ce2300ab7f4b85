import type { FleetView } from "../../runtime/fleet-view.ts";
import type { ForetellableWishes } from "../../runtime/foretell.ts";
import type { PlaneContext } from "./plane-context.ts";

/** How what a wish was about is looked at afterwards. */
export type Afterwards<T, R> = {
  /** Reads it from the database. */
  readonly stored: (answer: T) => Promise<R>;
  /** The same of the fleet as it would be; `asOf`: the newest event that there is. */
  readonly foretold: (fleet: FleetView, asOf: bigint) => R;
};

/**
 * Carries a wish out, or with `validateOnly` foretells it: the wish is the same, and so are its refusals. Resolves with its answer and
 * with what it was about, as it is or would be right after it.
 */
export async function carryOut<T, R>(
  plane: Pick<PlaneContext, "operations" | "operators" | "clusters" | "foretell" | "status">,
  { validateOnly }: { readonly validateOnly: boolean },
  wish: (wishes: ForetellableWishes) => Promise<T>,
  { stored, foretold }: Afterwards<T, R>,
): Promise<{ readonly answer: T; readonly seen: R }> {
  if (validateOnly) return plane.foretell(wish, (fleet) => foretold(fleet, plane.status.newestSequence()));
  const answer = await wish(plane);
  return { answer, seen: await stored(answer) };
}

/** Of what is gone afterwards. */
export const NOTHING_LEFT: Afterwards<unknown, undefined> = {
  stored: async () => undefined,
  foretold: () => undefined,
};
