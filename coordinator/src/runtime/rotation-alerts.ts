import { alertKey } from "../domain/alert/alert.ts";
import type { Rotation, RotationBlocker } from "../domain/authority/rotation.ts";
import type { DecisionLoop } from "./decision-loop.ts";
import type { FleetState } from "./fleet-state.ts";

/** Blockers that one alert names. */
const NAMED_MAX = 10;

/** Keeps the alert ca_rotation_stalled of every cluster that holds a rotation of the fleet's authority up. */
export class RotationAlertKeeper {
  readonly #loop: Pick<DecisionLoop, "submit">;
  readonly #state: FleetState;

  constructor(loop: Pick<DecisionLoop, "submit">, state: FleetState) {
    this.#loop = loop;
    this.#state = state;
  }

  /** A coordinator that hangs is every cluster's affair. */
  async stalled(rotation: Rotation, blockers: readonly RotationBlocker[]): Promise<void> {
    const messages = new Map<string, string>();
    for (const { id, name } of this.#state.clusters()) {
      const own = blockers.filter(({ clusterId }) => clusterId === null || clusterId === id);
      if (own.length > 0) messages.set(id, message(name, rotation, own));
    }
    const raise = [...messages].filter(([id, text]) => this.#standing(id)?.message !== text);
    const over = [...this.#state.unresolvedAlerts()].filter(
      ({ kind, subject }) => kind === "ca_rotation_stalled" && !messages.has(subject.id),
    );
    if (raise.length + over.length === 0) return;
    await this.#loop.submit((work) => {
      for (const { kind, subject } of over) work.resolveAlert(kind, subject);
      for (const [id, text] of raise) {
        work.raiseAlert({
          kind: "ca_rotation_stalled",
          severity: "warning",
          subject: { kind: "cluster", id },
          message: text,
          nextStep:
            "see who and why: lormas ca show; bring them back, or go on without them: lormas ca leave-behind NODE (it has to be enrolled again then)",
          data: { phase: rotation.phase },
        });
      }
    });
  }

  #standing(clusterId: string) {
    return this.#state.unresolvedAlert(alertKey("ca_rotation_stalled", clusterId));
  }
}

function message(cluster: string, { phase }: Rotation, blockers: readonly RotationBlocker[]): string {
  const named = blockers.slice(0, NAMED_MAX).map(({ name }) => name);
  const more = blockers.length - named.length;
  const who = `${named.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
  return `${cluster}: the rotation of the certificate authority stands still in its phase "${phase}" because of ${who}`;
}
