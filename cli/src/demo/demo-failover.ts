import { type Container, ContainerType, type Node, NodeStatus } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import type { CliContext } from "../cli-context.ts";
import { CliFailure } from "../cli-failure.ts";
import type { ApiClient } from "../client/api-client.ts";
import type { AccessFlags } from "../client/coordinator-access.ts";
import { waitFor } from "../clock.ts";
import { allPages } from "../commands/all-pages.ts";
import { type ExitCode, exitCode } from "../exit-code.ts";
import { ControlClient } from "../up/control-client.ts";
import { goodInRow, type Outage } from "./downtime.ts";
import { boundLine } from "./failover-bound.ts";
import { FailoverWatch } from "./failover-watch.ts";
import { freeDemoName } from "./free-name.ts";
import { httpTarget } from "./http-target.ts";
import { askOnce } from "./prober.ts";
import { untilDeathsAreProvable } from "./provable-deaths.ts";
import { stepText, timelineLine } from "./timeline.ts";

/** Flags of `lormas demo failover`. */
export interface FailoverOptions extends AccessFlags {
  readonly runtime: string;
  readonly output: "table" | "json";
}

const eggId = "hello-http";
const firstAnswerMs = 90_000;
const patienceMs = 30_000;
const pollMs = 50;

/**
 * Creates an HA container, kills its node, and measures how long it is without service. Exit code 1 when the bound
 * did not hold, or nothing answered within the bound and 30 s.
 */
export async function demoFailover(context: CliContext, options: FailoverOptions): Promise<ExitCode> {
  const { clock } = context;
  const say = options.output === "json" ? () => undefined : context.print;
  const dataDir = context.dataDir(options);
  const control = new ControlClient(dataDir, clock);
  const { httpUrl } = await control.status();
  // The supervisor's own coordinator, whatever LORMAS_URL says: it is that one's node that is killed.
  const api = context.api({ url: httpUrl, tokenFile: dataDir.adminToken });
  await checkNodes(api, options.runtime);

  const placed = await createAndWait(context, api, say);
  const target = httpTarget(placed);
  say(`  ${placed.name} answers at http://${target?.address}:${target?.port} on ${placed.nodeName}`);
  const boundMs = placed.failoverBoundMs;
  say(`  ${await explainBound(api, placed)}`);
  await untilDeathsAreProvable(context, api, placed, say);
  say("");

  const watch = new FailoverWatch(clock, api, placed, target);
  try {
    await watch.start();
    say(`Killing ${placed.nodeName}: its agent and everything it runs, with SIGKILL`);
    const killMs = clock.nowMs();
    watch.meter.arm(killMs);
    watch.onStep = (text) => say(timelineLine(clock.nowMs() - killMs, text));
    const killed = await control.kill(placed.nodeName);
    watch.onStep(stepText("killed", `${killed} processes of ${placed.nodeName}`));
    const outage = await untilOver(context, watch, boundMs);
    if (outage?.kind === "over") {
      const { nodeName } = watch.container;
      say(
        timelineLine(
          outage.backMs - killMs,
          stepText("answering", `${goodInRow} good answers in a row from ${nodeName}`),
        ),
      );
    }
    return report(context, options, { container: watch.container, victim: placed.nodeName, boundMs, killed, outage });
  } finally {
    watch.stop();
  }
}

async function checkNodes(api: ApiClient, runtime: string): Promise<void> {
  const nodes = await allPages(async (page) => {
    const answer = await api.nodes.listNodes(page);
    return { things: answer.nodes, nextPageToken: answer.nextPageToken };
  });
  const healthy = nodes.filter((node) => node.status === NodeStatus.HEALTHY);
  if (healthy.length < 2) {
    const down = nodes.filter((node) => node.status !== NodeStatus.HEALTHY).map((node) => node.name);
    throw new CliFailure(
      exitCode.conflict,
      `a failover needs two healthy nodes, and there ${healthy.length === 1 ? "is one" : "are none"}`,
      down.length === 0 ? "start more: npm start -- --nodes 3" : `bring one back: npx lormas demo revive ${down[0]}`,
    );
  }
  const other = healthy.find((node: Node) => runtime !== "auto" && node.runtime !== runtime);
  if (other !== undefined) {
    throw new CliFailure(
      exitCode.conflict,
      `${other.name} runs its containers by ${other.runtime}, not ${runtime}`,
      `end the fleet with Ctrl-C and start it with: npm start -- --runtime ${runtime}`,
    );
  }
}

async function createAndWait(context: CliContext, api: ApiClient, say: (line: string) => void): Promise<Container> {
  const { clock } = context;
  const containers = await allPages(async (page) => {
    const answer = await api.containers.listContainers(page);
    return { things: answer.containers, nextPageToken: answer.nextPageToken };
  });
  const name = freeDemoName(containers.map((container) => container.name));
  say(`Creating the HA container ${name} from the egg ${eggId}`);
  await api.containers.createContainer({ name, eggId, type: ContainerType.HA });
  let last: Container | undefined;
  const answering = await waitFor(clock, firstAnswerMs, pollMs, async () => {
    last = (await api.containers.getContainer({ id: name })).container;
    if (last === undefined || last.nodeName === "") return undefined;
    const target = httpTarget(last);
    const good = await new Promise<boolean>((resolve) => askOnce(clock, target, resolve));
    return good ? last : undefined;
  });
  if (answering !== undefined) return answering;
  const reason = last?.statusReason || "it gives no reason";
  throw new CliFailure(
    exitCode.timedOut,
    `${name} did not answer within ${firstAnswerMs / 1000} s: ${reason}`,
    `npx lormas container show ${name}; npx lormas container logs ${name}`,
  );
}

async function explainBound(api: ApiClient, container: Container): Promise<string> {
  const [{ egg }, { cluster }] = await Promise.all([
    api.eggs.getEgg({ id: eggId }),
    api.clusters.getCluster({ id: container.clusterName || "local" }),
  ]);
  const policy = cluster?.heartbeatPolicy;
  return boundLine(container.failoverBoundMs, {
    waitMs: policy?.waitMs ?? 0,
    heartbeatMs: policy?.intervalMs ?? 0,
    decisionMs: policy?.decisionBudgetMs ?? 0,
    startMs: egg?.startBudgetMs ?? 0,
  });
}

async function untilOver(context: CliContext, watch: FailoverWatch, boundMs: number): Promise<Outage | undefined> {
  return await waitFor(context.clock, boundMs + patienceMs, pollMs, () => {
    watch.check();
    // Answers from the killed node would mean that it was not killed: they do not count as an end.
    return watch.meter.outage.kind === "over" && watch.hasMoved ? watch.meter.outage : undefined;
  });
}

interface FailoverResult {
  readonly container: Container;
  readonly victim: string;
  readonly boundMs: number;
  readonly killed: number;
  readonly outage: Outage | undefined;
}

function report(context: CliContext, options: FailoverOptions, result: FailoverResult): ExitCode {
  const { container, victim, boundMs, killed, outage } = result;
  const downtimeMs = outage?.kind === "over" ? Math.round(outage.downtimeMs) : undefined;
  const held = downtimeMs !== undefined && downtimeMs <= boundMs;
  if (options.output === "json") {
    const { name, nodeName } = container;
    const value = {
      container: name,
      killedNode: victim,
      killedProcesses: killed,
      node: nodeName,
      downtimeMs: downtimeMs ?? null,
      boundMs,
      held,
    };
    context.print(JSON.stringify(value, null, 2));
    return held ? exitCode.ok : exitCode.failed;
  }
  const bound = `bound ${(boundMs / 1000).toFixed(1)} s`;
  context.print("");
  if (downtimeMs === undefined) {
    context.print(
      `${container.name} did not answer again within the bound and ${patienceMs / 1000} s; ${bound}: not held`,
    );
    context.print(`Look: npx lormas container show ${container.name}; npx lormas events`);
  } else {
    context.print(`${(downtimeMs / 1000).toFixed(1)} s without service`);
    context.print(`${bound}: ${held ? "held" : "not held"}`);
  }
  context.print(`Bring ${victim} back: npx lormas demo revive ${victim}`);
  return held ? exitCode.ok : exitCode.failed;
}
