import { type Container, ContainerSchema, ContainerStatus } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import type { Command } from "commander";
import type { CliContext } from "../cli-context.ts";
import { CliFailure } from "../cli-failure.ts";
import { exitCode } from "../exit-code.ts";
import { jsonText } from "../output/json-output.ts";
import { plainText } from "../output/plain-text.ts";
import { timeText } from "../output/wording.ts";
import { type ApiOptions, apiCommand } from "./api-command.ts";
import { withPrefix } from "./id-prefix.ts";

/** `lormas container suspend` and `lormas container unsuspend`. */
export function addContainerSuspensionCommands(group: Command, context: CliContext): void {
  apiCommand(
    group,
    "suspend <container>",
    "stop a container and refuse every start of it until that is lifted (name or id)",
    'lormas container suspend web --reason "unpaid since May"',
  )
    .requiredOption("--reason <text>", "why; whoever wants to start it is told")
    .action(async (given: string, options: ApiOptions & { reason: string }) => {
      const { containers } = context.api(options);
      const { container } = await withPrefix(context.api(options), "container", given, "strict", (id) =>
        containers.suspendContainer({ id, reason: options.reason }),
      );
      tell(context, options, given, container, suspendedText);
    });
  apiCommand(
    group,
    "unsuspend <container>",
    "lift a suspension; starts nothing (name or id)",
    "lormas container unsuspend web",
  ).action(async (given: string, options: ApiOptions) => {
    const { containers } = context.api(options);
    const { container } = await withPrefix(context.api(options), "container", given, "strict", (id) =>
      containers.unsuspendContainer({ id }),
    );
    const words = ({ name }: Container) => `${name} is not suspended; start it with: lormas container start ${name}`;
    tell(context, options, given, container, words);
  });
}

function suspendedText({ name, status }: Container): string {
  const what = status === ContainerStatus.STOPPED ? "stays stopped" : "is being stopped";
  return `${name} is suspended, and ${what}`;
}

function tell(
  context: CliContext,
  options: ApiOptions,
  given: string,
  container: Container | undefined,
  words: (container: Container) => string,
): void {
  if (container === undefined) throw new CliFailure(exitCode.notFound, `there is no container ${given}`, "");
  context.print(options.output === "json" ? jsonText(ContainerSchema, container, true) : plainText(words(container)));
}

/** "by user:ann@example.org since 2026-11-30 …: unpaid since May"; empty when it is not. */
export function suspensionText({ suspension }: Container): string {
  if (suspension === undefined) return "";
  return `suspended by ${suspension.by} since ${timeText(suspension.at)}: ${suspension.reason}`;
}
