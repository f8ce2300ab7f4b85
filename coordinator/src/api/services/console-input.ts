import type { SendConsoleInputRequest } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { AttemptLimiter } from "../../agents/attempt-limiter.ts";
import { containerNamed } from "../../store/read-model/container-readings.ts";
import { quoted } from "../../store/read-model/lookup.ts";
import { apiError } from "../api-error.ts";
import { oneLook, type PlaneContext } from "./plane-context.ts";

/** Inputs of one container: so many at once, and one more each so many milliseconds. */
export const INPUT_LIMITS = { burst: 40, refillMs: 50 } as const;

/** What people write to containers, held to a rate for each container, whoever writes. */
export class ConsoleInputService {
  readonly #plane: PlaneContext;
  readonly #limiter: AttemptLimiter;

  constructor(plane: PlaneContext) {
    this.#plane = plane;
    this.#limiter = new AttemptLimiter(INPUT_LIMITS, plane.clock);
  }

  /** See ContainerService.SendConsoleInput. */
  async send({ id: named, text, withoutLineEnd }: SendConsoleInputRequest): Promise<Record<string, never>> {
    const data = Buffer.from(withoutLineEnd ? text : `${text}\n`);
    if (data.length === 0) {
      throw apiError("invalid_argument", "There is nothing to write: the text is empty and gets no line end.", {
        field: "text",
      });
    }
    const { row } = await containerNamed(oneLook(this.#plane), named, "id");
    const { id: containerId, nodeId, epoch } = row;
    if (nodeId === null || nodeId === undefined) {
      throw apiError("not_placed", `Container ${quoted(named)} is on no node, so nobody reads what is sent to it.`);
    }
    const waitMs = this.#limiter.take(containerId);
    if (waitMs > 0) {
      throw apiError(
        "rate_limited",
        `Container ${quoted(named)} takes ${1_000 / INPUT_LIMITS.refillMs} inputs a second, with ${INPUT_LIMITS.burst} at once.`,
        { retryAfterMs: waitMs, nextStep: "Wait as long as retry-after says; send several lines as one text." },
      );
    }
    await this.#plane.link.sendInput(nodeId, { containerId, epoch, data });
    return {};
  }
}
