import { NodeStatus } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import type { CliContext } from "../cli-context.ts";
import { CliFailure } from "../cli-failure.ts";
import type { AccessFlags } from "../client/coordinator-access.ts";
import { waitFor } from "../clock.ts";
import { exitCode } from "../exit-code.ts";
import { nodeStatusWord } from "../output/wording.ts";
import { ControlClient } from "../up/control-client.ts";

const healthyMs = 90_000;
const pollMs = 100;

/** Starts the agent of a killed node again and waits until the node is healthy, at most 90 s. */
export async function demoRevive(context: CliContext, node: string, flags: AccessFlags): Promise<void> {
  const { clock } = context;
  const dataDir = context.dataDir(flags);
  const startMs = clock.nowMs();
  const control = new ControlClient(dataDir, clock);
  const { httpUrl } = await control.status();
  await control.revive(node);
  context.print(`Started the agent of ${node}`);
  const api = context.api({ url: httpUrl, tokenFile: dataDir.adminToken });
  let status: NodeStatus = NodeStatus.UNSPECIFIED;
  const back = await waitFor(clock, healthyMs, pollMs, async () => {
    const next = (await api.nodes.getNode({ id: node })).node?.status ?? NodeStatus.UNSPECIFIED;
    if (next !== status)
      context.print(`  ${node} is ${nodeStatusWord(next)} after ${seconds(clock.nowMs() - startMs)}`);
    status = next;
    return status === NodeStatus.HEALTHY ? true : undefined;
  });
  if (back === undefined) {
    throw new CliFailure(
      exitCode.timedOut,
      `${node} was not healthy within ${healthyMs / 1000} s; it is ${nodeStatusWord(status)}`,
      `see ${dataDir.log(node)}`,
    );
  }
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
