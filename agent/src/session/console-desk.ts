import { create } from "@bufbuild/protobuf";
import { createValidator } from "@bufbuild/protovalidate";
import {
  type ConsoleInput,
  ConsoleInputSchema,
  type ConsoleResult,
  ConsoleResultSchema,
} from "@lormas/gen/lormas/agent/v1/agent_pb.ts";
import { type ContainerRuntime, InputFault } from "../runtime/container-runtime.ts";

/** The word of Hello.features that says that this is here. */
export const CONSOLE_FEATURE = "console";
/** Inputs of one container that may wait for those before them; above it they are refused. */
export const INPUTS_WAITING_MAX = 16;

const MESSAGE_CHARS_MAX = 1_900;
const validator = createValidator();

type Line = { tail: Promise<unknown>; waiting: number };

/** Takes what people write to containers, one input at a time for each, and answers every one once. */
export class ConsoleDesk {
  readonly #runtime: Pick<ContainerRuntime, "input">;
  readonly #lines = new Map<string, Line>();

  constructor(runtime: Pick<ContainerRuntime, "input">) {
    this.#runtime = runtime;
  }

  /** Containers for which something waits or is being written. */
  get busy(): number {
    return this.#lines.size;
  }

  /** Takes one input; `answer` is called with what became of it. Never throws. */
  take(input: ConsoleInput, answer: (result: ConsoleResult) => void): void {
    void this.#write(input).then(
      () => answer(resultOf(input, "", "")),
      (error: unknown) => {
        const code = error instanceof InputFault ? error.code : "refused";
        answer(resultOf(input, code, error instanceof Error ? error.message : String(error)));
      },
    );
  }

  async #write(input: ConsoleInput): Promise<void> {
    const checked = validator.validate(ConsoleInputSchema, input);
    if (checked.kind !== "valid") throw new InputFault("refused", `the input is not valid: ${checked.error?.message}`);
    const { containerId } = input;
    const line = this.#lines.get(containerId) ?? { tail: Promise.resolve(), waiting: 0 };
    if (line.waiting >= INPUTS_WAITING_MAX) {
      throw new InputFault(
        "input_full",
        `${INPUTS_WAITING_MAX} inputs wait for this container: wait for their answers`,
      );
    }
    this.#lines.set(containerId, line);
    line.waiting += 1;
    const turn = line.tail.then(() => this.#runtime.input(containerId, input.epoch, input.data));
    line.tail = turn.catch(() => undefined);
    try {
      await turn;
    } finally {
      line.waiting -= 1;
      if (line.waiting === 0) this.#lines.delete(containerId);
    }
  }
}

function resultOf({ inputId }: ConsoleInput, errorCode: string, message: string): ConsoleResult {
  return create(ConsoleResultSchema, { inputId, errorCode, errorMessage: message.slice(0, MESSAGE_CHARS_MAX) });
}
