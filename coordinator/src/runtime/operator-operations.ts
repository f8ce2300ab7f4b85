import { Refusal } from "../domain/refusal.ts";
import type { DecisionLoop } from "./decision-loop.ts";
import type { OperatorWishes } from "./operator-wishes.ts";

export type OperatorPorts = {
  readonly loop: Pick<DecisionLoop, "submit">;
};

/** Operators' wishes, decided on the fleet as it is at that moment. */
export class OperatorOperations implements OperatorWishes {
  readonly #ports: OperatorPorts;

  constructor(ports: OperatorPorts) {
    this.#ports = ports;
  }

  acknowledgeAlert(alertId: string, by: string): Promise<void> {
    return this.#ports.loop.submit((work) => {
      for (const alert of work.unresolvedAlerts()) {
        if (alert.id === alertId) return work.acknowledgeAlert(alert, by);
      }
      throw new Refusal(
        "not_found",
        `there is no unresolved alert ${alertId}`,
        "list the alerts; one that is over needs nobody any more",
        { field: "id" },
      );
    });
  }
}
