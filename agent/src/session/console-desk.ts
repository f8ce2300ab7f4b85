import { create, type DescMessage, type MessageShape } from "@bufbuild/protobuf";
import { createValidator } from "@bufbuild/protovalidate";
import {
  type ConsoleInput,
  ConsoleInputSchema,
  type ConsoleResize,
  ConsoleResizeSchema,
  type ConsoleResult,
  ConsoleResultSchema,
} from "@lormas/gen/lormas/agent/v1/agent_pb.ts";
import { type ContainerRuntime, InputFault } from "../runtime/container-runtime.ts";

/** The words of Hello.features that say that this is here. */
export const CONSOLE_FEATURE = "console";
export const TERMINAL_FEATURE = "terminal";
/** Inputs and resizes of one container that may wait for those before them; above it they are refused. */
export const INPUTS_WAITING_MAX = 16;

const MESSAGE_CHARS_MAX = 1_900;
const validator = createValidator();

type Line = { tail: Promise<unknown>; waiting: number };

/** Takes what people write to containers and how large their windows are, one at a time for each container, and answers every one once. */
export class ConsoleDesk {
  readonly #runtime: Pick<ContainerRuntime, "input" | "resize">;
  readonly #lines = new Map<string, Line>();

  constructor(runtime: Pick<ContainerRuntime, "input" | "resize">) {
    this.#runtime = runtime;
  }

  /** Containers for which something waits or is being written. */
  get busy(): number {
    return this.#lines.size;
  }

  /** Takes one input; `answer` is called with what became of it. Never throws. */
  take(input: ConsoleInput, answer: (result: ConsoleResult) => void): void {
    const { containerId, epoch, data } = input;
    const write = () => this.#runtime.input(containerId, epoch, data);
    void answered(input.inputId, this.#inTurn(ConsoleInputSchema, input, write)).then(answer);
  }

  /** The same for a resize. */
  resize(resize: ConsoleResize, answer: (result: ConsoleResult) => void): void {
    const { containerId, epoch, rows, columns } = resize;
    const give = () => this.#runtime.resize(containerId, epoch, { rows, columns });
    void answered(resize.resizeId, this.#inTurn(ConsoleResizeSchema, resize, give)).then(answer);
  }

  async #inTurn<Desc extends DescMessage>(
    schema: Desc,
    message: MessageShape<Desc> & { readonly containerId: string },
    act: () => Promise<void>,
  ): Promise<void> {
    const checked = validator.validate(schema, message);
    if (checked.kind !== "valid") throw new InputFault("refused", `the input is not valid: ${checked.error?.message}`);
    const { containerId } = message;
    const line = this.#lines.get(containerId) ?? { tail: Promise.resolve(), waiting: 0 };
    if (line.waiting >= INPUTS_WAITING_MAX) {
      throw new InputFault("input_full", `${INPUTS_WAITING_MAX} inputs wait for this container`);
    }
    this.#lines.set(containerId, line);
    line.waiting += 1;
    const turn = line.tail.then(act);
    line.tail = turn.catch(() => undefined);
    try {
      await turn;
    } finally {
      line.waiting -= 1;
      if (line.waiting === 0) this.#lines.delete(containerId);
    }
  }
}

/** The answer to what has the id, once it is done. */
function answered(inputId: string, done: Promise<void>): Promise<ConsoleResult> {
  const result = (errorCode: string, message: string): ConsoleResult =>
    create(ConsoleResultSchema, { inputId, errorCode, errorMessage: message.slice(0, MESSAGE_CHARS_MAX) });
  return done.then(
    () => result("", ""),
    (error: unknown) =>
      result(
        error instanceof InputFault ? error.code : "refused",
        error instanceof Error ? error.message : String(error),
      ),
  );
}
