import type { WhatIfResponse } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { type ApiError, toApiError } from "../api/api-error.ts";
import { nodeClient } from "../api/clients.ts";
import { after } from "./clock.svelte.ts";

/** After a change of the fleet, until the forecast is read anew; what follows at once is read with it. */
const settleMs = 700;

/** "What if it dies?", of one node or (empty) of all; what was read stays shown until the next answer is there. */
export class WhatIfReader {
  #answer = $state.raw<WhatIfResponse | undefined>(undefined);
  #error = $state.raw<ApiError | null>(null);
  #node: string | undefined;

  get answer(): WhatIfResponse | undefined {
    return this.#answer;
  }
  get error(): ApiError | null {
    return this.#error;
  }

  /** Reads it, at once for another node, a little later for a newer state of the fleet; the answer calls it off. */
  read(node: string, _sequence: bigint | undefined): () => void {
    const stop = new AbortController();
    const delayMs = this.#node === node ? settleMs : 0;
    if (this.#node !== node) this.#answer = undefined;
    this.#node = node;
    const cancel = after(delayMs, () => {
      nodeClient.whatIf({ node }, { signal: stop.signal }).then(
        (answer) => {
          this.#answer = answer;
          this.#error = null;
        },
        (cause: unknown) => {
          if (!stop.signal.aborted) this.#error = toApiError(cause);
        },
      );
    });
    return () => {
      cancel();
      stop.abort();
    };
  }
}
