import { Refusal } from "../../domain/refusal.ts";
import { reachOf } from "../../permissions/grant.ts";
import type { Granted } from "../../runtime/operator-wishes.ts";
import type { Caller } from "../call-context.ts";

const SOMEWHERE =
  "N+1 does not hold after this: if some node died, a container would be without a place; who may see the whole fleet can say which";

/**
 * Carries a wish out that may cost N+1, or want a port that others hold. What that says names containers and nodes of the whole fleet: who
 * may not see all containers is told only that it is so, in the warnings and in the refusals n_plus_one_lost and port_taken.
 */
export async function withoutForeignNames<T extends Granted>(caller: Caller, wish: () => Promise<T>): Promise<T> {
  if (reachOf(caller.grants, "container:view") === "everything") return wish();
  try {
    const granted = await wish();
    return granted.warnings.length === 0 ? granted : { ...granted, warnings: [SOMEWHERE] };
  } catch (thrown) {
    if (!(thrown instanceof Refusal)) throw thrown;
    if (thrown.code === "port_taken") {
      // Who holds the port is said behind the colon.
      throw new Refusal(
        "port_taken",
        thrown.message.replace(/ is taken on every node.*$/s, " is taken on every node"),
        thrown.nextStep,
        {
          ...(thrown.field ? { field: thrown.field } : {}),
        },
      );
    }
    if (thrown.code !== "n_plus_one_lost") throw thrown;
    throw new Refusal("n_plus_one_lost", SOMEWHERE, "ask who runs the fleet to add or free room", { retryAfterMs: 0 });
  }
}
