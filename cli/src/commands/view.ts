import { Code, ConnectError } from "@connectrpc/connect";
import type { Command } from "commander";
import type { CliContext } from "../cli-context.ts";
import type { ApiClient } from "../client/api-client.ts";
import { followChanges } from "../client/change-feed.ts";
import { cutText, plainText, textWidth } from "../output/plain-text.ts";
import type { Screen } from "../output/table.ts";
import { followView } from "../terminal/follow-view.ts";
import type { ApiOptions } from "./api-command.ts";

/** A list or a thing as it is now. */
export interface View {
  readonly lines: (screen: Screen) => readonly string[];
  /** As JSON; without `indent`, on one line. */
  readonly json: (indent: boolean) => string;
}

export interface ViewOptions extends ApiOptions {
  readonly watch?: boolean;
}

/** Adds `--watch`. */
export function watchable(command: Command): Command {
  return command.option("-w, --watch", "show it again after every change, until Ctrl-C");
}

/**
 * Shows what `look` finds; with --watch until Ctrl-C, which is no failure: on a terminal it is drawn anew, elsewhere lines
 * that are new or different follow, as JSON one object a line.
 */
export async function showView(
  context: CliContext,
  options: ViewOptions,
  look: (api: ApiClient) => Promise<View>,
): Promise<void> {
  const api = context.api(options);
  const screen = (): Screen => ({ columns: context.columns(), colors: context.colors(options) });
  if (options.watch !== true) {
    const view = await look(api);
    if (options.output === "json") context.print(view.json(true));
    else for (const line of view.lines(screen())) context.print(line);
    return;
  }
  const drawing = context.rows() !== undefined && options.output !== "json";
  const show = drawing ? drawer(context, screen) : printer(context, options, screen);
  const shown: { view?: View } = {};
  const stopResize = context.onResize(() => {
    if (shown.view !== undefined && drawing) show(shown.view);
  });
  try {
    await followView({
      clock: context.clock,
      signal: context.interrupted(),
      changes: (onChange, signal) => hear(context, api, onChange, signal),
      look: () => look(api),
      show: (view) => {
        shown.view = view;
        show(view);
      },
    });
  } finally {
    stopResize();
  }
}

/** Whoever fell too far behind looks once and goes on from there: nothing is shown by its changes alone. */
async function hear(context: CliContext, api: ApiClient, onChange: () => void, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      // Once it is open again something may have been missed.
      for await (const _ of followChanges(api, context.clock, undefined, signal, onChange)) onChange();
    } catch (error) {
      if (ConnectError.from(error).code !== Code.OutOfRange) throw error;
      onChange();
    }
  }
}

/** Draws over what was drawn before; what the terminal has no room for is counted. */
function drawer(context: CliContext, screen: () => Screen): (view: View) => void {
  let drawn = false;
  return (view) => {
    const { columns = 80, colors } = screen();
    const rows = Math.max(3, context.rows() ?? 24);
    const lines = view.lines({ columns, colors });
    const room = rows - 2;
    const more = lines.length - room;
    const shown = more > 0 ? [...lines.slice(0, room - 1), `… ${more + 1} more lines`] : lines;
    const all = ["Shown again after every change; Ctrl-C ends.", ...shown];
    const fitted = all.map((line) => (textWidth(plainText(line)) > columns ? cutText(plainText(line), columns) : line));
    // Each line is cleared behind its end and the rest below: nothing flickers.
    context.write(
      `${drawn ? "\u001b[H" : "\u001b[2J\u001b[H"}${fitted.map((line) => `${line}\u001b[K\n`).join("")}\u001b[J`,
    );
    drawn = true;
  };
}

/** Prints everything once, then what is new or different. */
function printer(context: CliContext, options: ViewOptions, screen: () => Screen): (view: View) => void {
  let before: ReadonlySet<string> = new Set();
  return (view) => {
    const lines = options.output === "json" ? [view.json(false)] : view.lines(screen());
    // A column that became wider moves every line, and changes none.
    const keyOf = (line: string) => line.replaceAll(/\s+/g, " ");
    for (const line of lines) if (!before.has(keyOf(line))) context.print(line);
    before = new Set(lines.map(keyOf));
  };
}
