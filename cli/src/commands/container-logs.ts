import { StreamLogsResponseSchema } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import type { Command } from "commander";
import type { CliContext } from "../cli-context.ts";
import { jsonText } from "../output/json-output.ts";
import { plainText } from "../output/plain-text.ts";
import { wholeNumber } from "../output/quantity.ts";
import { clockText } from "../output/wording.ts";
import { type ApiOptions, apiCommand } from "./api-command.ts";
import { withPrefix } from "./id-prefix.ts";

interface LogsOptions extends ApiOptions {
  readonly follow?: boolean;
  readonly tail: number;
  readonly timestamps?: boolean;
}

/**
 * `lormas container logs`. On a terminal, lines are freed of control characters, since a container may print what it
 * likes; into a pipe or a file they go as they are.
 */
export function addContainerLogsCommand(group: Command, context: CliContext): void {
  apiCommand(
    group,
    "logs <container>",
    "show a container's output (name or id)",
    "lormas container logs web -f --tail 20",
  )
    .option("-f, --follow", "go on with what comes, until Ctrl-C")
    .option("--tail <lines>", "how many of the last lines first, up to 10,000", wholeNumber(0, 10_000), 100)
    .option("-t, --timestamps", "begin each line with its time")
    .action(async (given: string, options: LogsOptions) => {
      const api = context.api(options);
      // A stream tells only at its first line that nothing has this name.
      const { container } = await withPrefix(api, "container", given, "loose", (id) =>
        api.containers.getContainer({ id }),
      );
      const request = { id: container?.id ?? given, tailLines: options.tail, follow: options.follow === true };
      const signal = context.interrupted();
      const onTerminal = context.columns() !== undefined;
      try {
        for await (const line of api.streams.containers.streamLogs(request, { signal })) {
          if (options.output === "json") context.print(jsonText(StreamLogsResponseSchema, line, false));
          else {
            const time = options.timestamps === true ? `${clockText(line.at)} ` : "";
            context.print(`${time}${onTerminal ? plainText(line.text) : line.text}`);
          }
        }
      } catch (error) {
        if (!signal.aborted) throw error;
      }
    });
}
