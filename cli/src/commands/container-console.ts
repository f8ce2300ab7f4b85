import { type Command, Option } from "commander";
import type { CliContext } from "../cli-context.ts";
import type { ApiClient } from "../client/api-client.ts";
import { plainText } from "../output/plain-text.ts";
import { wholeNumber } from "../output/quantity.ts";
import { type DetachKeys, parseDetachKeys } from "../terminal/detach-keys.ts";
import { type ApiOptions, apiCommand } from "./api-command.ts";
import { pause, sendPatiently } from "./console-sending.ts";
import { attachTerminal } from "./container-terminal.ts";
import { withPrefix } from "./id-prefix.ts";
import { inputBatches } from "./input-batches.ts";

interface AttachOptions extends ApiOptions {
  readonly tail?: number;
  readonly linger: number;
  readonly detachKeys: DetachKeys;
}

/** Lines of what was printed before that give whoever attaches an idea of it; of what was drawn on a terminal they give none. */
const TAIL_DEFAULT = 20;
/** A reading of output tells only at its first line that it has begun; by then it has, where nothing was printed. */
const READING_BEGINS_MS = 1_000;

/** `lormas container send` and `lormas container attach`. */
export function addContainerConsoleCommands(group: Command, context: CliContext): void {
  apiCommand(
    group,
    "send <container> <text...>",
    "write one line to a container's standard input (name or id)",
    'lormas container send world "say hello"',
  )
    .option("-n, --no-line-end", "write the text as it is, without a line end behind it")
    .action(async (given: string, words: string[], options: ApiOptions & { lineEnd: boolean }) => {
      const api = context.api(options);
      const request = { text: words.join(" "), withoutLineEnd: !options.lineEnd };
      await withPrefix(api, "container", given, "strict", (id) => api.containers.sendConsoleInput({ ...request, id }));
      if (options.output === "json") context.print("{}");
    });
  apiCommand(
    group,
    "attach <container>",
    "show a container's output and write what is typed or piped in to its standard input, or be its terminal (name or id)",
    "lormas container attach world",
  )
    .option(
      "--tail <lines>",
      `how many of the last lines first, up to 10,000 (default: ${TAIL_DEFAULT}, and none of a terminal's)`,
      wholeNumber(0, 10_000),
    )
    .option(
      "--linger <seconds>",
      "how long to show output after the end of what is piped in",
      wholeNumber(0, 86_400),
      2,
    )
    .addOption(
      new Option("--detach-keys <keys>", "what to type to leave a container that has a terminal; Ctrl-C goes to it")
        .default(parseDetachKeys("ctrl-p,ctrl-q"), "ctrl-p,ctrl-q")
        .argParser(parseDetachKeys),
    )
    .action((given: string, options: AttachOptions) => attach(context, given, options));
}

/**
 * Where the container has a terminal and this runs on one, that is a terminal to it. Otherwise it is lines: Ctrl-C, and the end of
 * what is typed or piped in, detach, and the container runs on; output is freed of control characters on a terminal, as that of
 * `logs` is.
 */
async function attach(context: CliContext, given: string, options: AttachOptions): Promise<void> {
  const api = context.api(options);
  const { container } = await withPrefix(api, "container", given, "strict", (id) =>
    api.containers.getContainer({ id }),
  );
  const typed = context.stdin.isTTY === true;
  if (container?.tty && typed && context.columns() !== undefined) {
    return await attachTerminal(context, api, container, { tail: options.tail ?? 0, keys: options.detachKeys });
  }
  const id = container?.id ?? given;
  const interrupted = context.interrupted();
  const over = new AbortController();
  const signal = AbortSignal.any([interrupted, over.signal]);
  if (typed) context.warn(plainText(`attached to ${container?.name ?? given}; Ctrl-C detaches, and it runs on`));
  const opened = Promise.withResolvers<void>();
  const output = show(
    context,
    api,
    { id, tailLines: options.tail ?? TAIL_DEFAULT, follow: true },
    signal,
    opened.resolve,
  );
  // What it prints upon the first input would be missed by a reading that begins after it.
  const ready = Promise.race([opened.promise, pause(context, READING_BEGINS_MS, signal)]);
  const writing = ready
    .then(() => write(context, api, id, signal))
    .then(async () => {
      if (!typed && !signal.aborted) await pause(context, options.linger * 1_000, signal);
    });
  // Whichever ends first ends the other: what has gone wrong, or the end of the input.
  const outcome = await Promise.allSettled([writing.finally(() => over.abort()), output.finally(() => over.abort())]);
  // Whoever types nothing more must not keep the process alive.
  context.stdin.pause();
  const failure = outcome.find((one) => one.status === "rejected");
  if (failure && !interrupted.aborted) throw failure.reason;
  if (typed || interrupted.aborted) context.leave();
}

async function show(
  context: CliContext,
  api: ApiClient,
  request: { readonly id: string; readonly tailLines: number; readonly follow: boolean },
  signal: AbortSignal,
  opened: () => void,
): Promise<void> {
  const onTerminal = context.columns() !== undefined;
  try {
    for await (const { text } of api.streams.containers.streamLogs(request, { signal })) {
      opened();
      context.print(onTerminal ? plainText(text) : text);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

async function write(context: CliContext, api: ApiClient, id: string, signal: AbortSignal): Promise<void> {
  const ended = Promise.withResolvers<IteratorResult<string>>();
  signal.addEventListener("abort", () => ended.resolve({ done: true, value: undefined }), { once: true });
  const texts = inputBatches(context.stdin as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
  for (;;) {
    const next = await Promise.race([texts.next(), ended.promise]);
    if (next.done || signal.aborted) return;
    await sendPatiently(context, api, { id, text: next.value, withoutLineEnd: true }, signal);
  }
}
