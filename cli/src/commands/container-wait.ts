import {
  type Container,
  ContainerStatus,
  DesiredState,
  type Migration,
  MigrationOutcome,
} from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import type { CliContext } from "../cli-context.ts";
import { CliFailure } from "../cli-failure.ts";
import type { ApiClient } from "../client/api-client.ts";
import { exitCode } from "../exit-code.ts";
import { plainText } from "../output/plain-text.ts";
import { containerStatusWord, desiredStateWord, outcomeWord } from "../output/wording.ts";
import { untilOver, type WaitOptions } from "./wait.ts";

/** What somebody waits for a container to do. */
export type ContainerGoal = "runs" | "runs again" | "is stopped" | "is gone";

const DESIRED: Readonly<Record<ContainerGoal, DesiredState>> = {
  runs: DesiredState.RUNNING,
  "runs again": DesiredState.RUNNING,
  "is stopped": DesiredState.STOPPED,
  "is gone": DesiredState.REMOVED,
};

/** A container as it is, or that it is gone. */
type Seen = { readonly container: Container; readonly gone: boolean };

/**
 * Follows a container to its goal, telling every state on the way; the container then. A CliFailure when it is given up,
 * when somebody wishes something else of it meanwhile, or when the time is up.
 */
export async function untilContainer(
  context: CliContext,
  api: ApiClient,
  options: WaitOptions,
  first: Container,
  goal: ContainerGoal,
): Promise<Container> {
  let said = "";
  // It still runs when the wish to restart it is taken: that is not the end yet.
  let wasDown = goal !== "runs again";
  const hasReached = ({ container: { status }, gone }: Seen): boolean => {
    if (goal === "is gone") return gone;
    if (goal === "is stopped") return status === ContainerStatus.STOPPED || status === ContainerStatus.FAILED;
    return wasDown && status === ContainerStatus.RUNNING;
  };
  const isAbandoned = ({ container, gone }: Seen): boolean =>
    (gone && goal !== "is gone") || container.desiredState !== DESIRED[goal];
  const isGivenUp = ({ container: { status } }: Seen): boolean => status === ContainerStatus.FAILED;
  const seen = await untilOver<Seen>(context, api, {
    first: { container: first, gone: false },
    asOf: first.asOf,
    timeoutSeconds: options.timeout,
    of: ({ event, container }) => {
      if (container?.id === first.id) return { container, gone: false };
      return event?.containerId === first.id && container === undefined ? { container: first, gone: true } : undefined;
    },
    isOver: (now) => hasReached(now) || isAbandoned(now) || isGivenUp(now),
    tell: (now) => {
      if (now.container.status !== ContainerStatus.RUNNING) wasDown = true;
      const text = now.gone ? `${first.name} is gone` : stateText(now.container);
      if (text !== said && options.output === "table") context.print(text);
      said = text;
    },
  });
  if (hasReached(seen)) return seen.container;
  const { container } = seen;
  const why = reason(container);
  if (isAbandoned(seen)) {
    throw new CliFailure(
      exitCode.failed,
      `${first.name} is not waited for any more: ${seen.gone ? "it is gone" : `somebody has wished it to be ${desiredStateWord(container.desiredState)}`}`,
      "lormas container ls",
    );
  }
  if (isGivenUp(seen)) {
    throw new CliFailure(
      exitCode.failed,
      `${first.name} has failed${why}`,
      `lormas container logs ${first.name}; then lormas container start ${first.name}`,
    );
  }
  throw new CliFailure(
    exitCode.timedOut,
    `${first.name} is ${containerStatusWord(container.status)} after ${options.timeout} s${why}`,
    `it goes on; follow it: lormas container show ${first.name} --watch`,
  );
}

/** "web shall be running, is starting on node-1"; with the reason where there is one, as of a wait for room. */
export function stateText(container: Container): string {
  const { name, desiredState, status, nodeName } = container;
  const where = nodeName === "" ? "" : ` on ${nodeName}`;
  return `${name} shall be ${desiredStateWord(desiredState)}, is ${containerStatusWord(status)}${where}${reason(container)}`;
}

/** Why it stands so, to be put after what was said. */
function reason({ statusReason }: Container): string {
  return statusReason === "" ? "" : `: ${plainText(statusReason)}`;
}

/** Follows a migration to its end, telling every step; a CliFailure when the outcome is not `wanted`, or the time is up. */
export async function untilMigrated(
  context: CliContext,
  api: ApiClient,
  options: WaitOptions,
  first: Migration,
  wanted: MigrationOutcome = MigrationOutcome.COMPLETED,
): Promise<Migration> {
  let said = "";
  const ended = await untilOver<Migration>(context, api, {
    first,
    asOf: first.asOf,
    timeoutSeconds: options.timeout,
    of: ({ migration }) => (migration?.id === first.id ? migration : undefined),
    isOver: ({ outcome }) => outcome !== MigrationOutcome.RUNNING,
    tell: (now) => {
      const waits = now.waitingFor === "" ? "" : `: ${plainText(now.waitingFor)}`;
      const text = `${now.containerName}: ${now.state.replaceAll("_", " ")}${waits}`;
      if (text !== said && options.output === "table") context.print(text);
      said = text;
    },
  });
  if (ended.outcome === wanted) return ended;
  const next = `lormas migration show ${first.id}`;
  if (ended.outcome === MigrationOutcome.RUNNING) {
    throw new CliFailure(
      exitCode.timedOut,
      `the migration of ${first.containerName} is in ${ended.state} after ${options.timeout} s`,
      `it goes on; follow it: ${next} --watch`,
    );
  }
  const why = ended.errorMessage === "" ? "" : `: ${plainText(ended.errorMessage)}`;
  const how = ended.outcome === MigrationOutcome.CANCELLED ? "was cancelled" : `has ${outcomeWord(ended.outcome)}`;
  throw new CliFailure(exitCode.failed, `the migration of ${first.containerName} ${how}${why}`, next);
}
