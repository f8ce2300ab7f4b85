import { type Container, ContainerSchema } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import type { CliContext } from "../cli-context.ts";
import { CliFailure } from "../cli-failure.ts";
import type { ApiClient } from "../client/api-client.ts";
import { exitCode } from "../exit-code.ts";
import { jsonText } from "../output/json-output.ts";
import type { ApiOptions } from "./api-command.ts";
import { type ContainerGoal, stateText, untilContainer } from "./container-wait.ts";
import type { WaitOptions } from "./wait.ts";

/** Says what was wished and how things stand; with --wait only when the goal is reached. */
export async function tellWish(
  context: CliContext,
  api: ApiClient,
  options: WaitOptions,
  container: Container,
  goal: ContainerGoal | undefined,
): Promise<void> {
  if (options.wait !== true || goal === undefined) {
    context.print(options.output === "json" ? jsonText(ContainerSchema, container, true) : stateText(container));
    return;
  }
  const reached = await untilContainer(context, api, options, container, goal);
  if (options.output === "json") context.print(jsonText(ContainerSchema, reached, true));
}

/** Says what a wish would have come to. */
export function tellForetold(
  context: CliContext,
  { output }: ApiOptions,
  container: Container,
  text: (container: Container) => string,
): void {
  context.print(output === "json" ? jsonText(ContainerSchema, container, true) : text(container));
}

/** The container of an answer. */
export function required(container: Container | undefined, id: string): Container {
  if (container !== undefined) return container;
  throw new CliFailure(exitCode.notFound, `there is no container ${id}`, "lormas container ls");
}
