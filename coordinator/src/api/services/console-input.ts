import type { ResizeTerminalRequest, SendConsoleInputRequest } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { AttemptLimiter, type AttemptLimits } from "../../agents/attempt-limiter.ts";
import { containerNamed } from "../../store/read-model/container-readings.ts";
import { quoted } from "../../store/read-model/lookup.ts";
import { apiError } from "../api-error.ts";
import { oneLook, type PlaneContext } from "./plane-context.ts";

/** Inputs of one container: so many at once, and one more each so many milliseconds. */
export const INPUT_LIMITS = { burst: 40, refillMs: 50 } as const;
/** The same for the sizes of its terminal: somebody who drags a window's edge asks for many. */
export const RESIZE_LIMITS = { burst: 20, refillMs: 100 } as const;

type Target = { readonly nodeId: string; readonly containerId: string; readonly epoch: number };

/** What people write to containers and how large they want terminals, held to a rate for each container, whoever asks. */
export class ConsoleInputService {
  readonly #plane: PlaneContext;
  readonly #inputs: AttemptLimiter;
  readonly #resizes: AttemptLimiter;

  constructor(plane: PlaneContext) {
    this.#plane = plane;
    this.#inputs = new AttemptLimiter(INPUT_LIMITS, plane.clock);
    this.#resizes = new AttemptLimiter(RESIZE_LIMITS, plane.clock);
  }

  /** See ContainerService.SendConsoleInput. */
  async send({ id: named, text, withoutLineEnd }: SendConsoleInputRequest): Promise<Record<string, never>> {
    const data = Buffer.from(withoutLineEnd ? text : `${text}\n`);
    if (data.length === 0) {
      throw apiError("invalid_argument", "There is nothing to write: the text is empty and gets no line end.", {
        field: "text",
      });
    }
    const { nodeId, ...copy } = await this.#target(named, "nobody reads what is sent to it");
    within(this.#inputs, INPUT_LIMITS, copy.containerId, `Container ${quoted(named)} takes`, [
      "inputs",
      "send several lines as one text",
    ]);
    await this.#plane.link.sendInput(nodeId, { ...copy, data });
    return {};
  }

  /** See ContainerService.ResizeTerminal. */
  async resize({ id: named, rows, columns }: ResizeTerminalRequest): Promise<Record<string, never>> {
    const { nodeId, ...copy } = await this.#target(named, "it has no terminal now");
    within(this.#resizes, RESIZE_LIMITS, copy.containerId, `The terminal of container ${quoted(named)} takes`, [
      "sizes",
      "send the last one alone",
    ]);
    await this.#plane.link.resizeTerminal(nodeId, { ...copy, rows, columns });
    return {};
  }

  async #target(named: string, soThat: string): Promise<Target> {
    const { row } = await containerNamed(oneLook(this.#plane), named, "id");
    const { id: containerId, nodeId, epoch } = row;
    if (nodeId !== null && nodeId !== undefined) return { nodeId, containerId, epoch };
    throw apiError("not_placed", `Container ${quoted(named)} is on no node, so ${soThat}.`);
  }
}

/** Refuses what comes sooner than the limits allow. */
function within(
  limiter: AttemptLimiter,
  { burst, refillMs }: AttemptLimits,
  containerId: string,
  whoTakes: string,
  [things, instead]: readonly [string, string],
): void {
  const waitMs = limiter.take(containerId);
  if (waitMs === 0) return;
  throw apiError("rate_limited", `${whoTakes} ${1_000 / refillMs} ${things} a second, with ${burst} at once.`, {
    retryAfterMs: waitMs,
    nextStep: `Wait as long as retry-after says; ${instead}.`,
  });
}
