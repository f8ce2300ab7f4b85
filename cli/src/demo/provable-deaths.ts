import { type Cluster, type Container, type Node, NodeStatus } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import type { CliContext } from "../cli-context.ts";
import { CliFailure } from "../cli-failure.ts";
import type { ApiClient } from "../client/api-client.ts";
import { votersMax } from "../client/voters-max.ts";
import { waitFor } from "../clock.ts";
import { exitCode } from "../exit-code.ts";

const patienceMs = 90_000;
const pollMs = 100;

/**
 * Waits until every node votes and has held its lease for the whole of W: the bound counts from there, since a death is proven by
 * what the others have held. After a start, or when a node has come back, that takes W. Fails after 90 s with exit code timedOut.
 */
export async function untilDeathsAreProvable(
  context: CliContext,
  api: ApiClient,
  container: Container,
  say: (line: string) => void,
): Promise<void> {
  let told = false;
  const provable = await waitFor(context.clock, patienceMs, pollMs, async () => {
    const [{ cluster }, { nodes }] = await Promise.all([
      api.clusters.getCluster({ id: container.clusterName || "local" }),
      api.nodes.listNodes({}),
    ]);
    const waiting = cluster ? late(cluster, nodes) : [];
    if (waiting.length > 0 && !told) {
      say(`  waiting until ${waiting.join(" and ")} held a lease for W: before, no death can be proven`);
      told = true;
    }
    return waiting.length === 0 ? true : undefined;
  });
  if (provable) return;
  throw new CliFailure(
    exitCode.timedOut,
    `not every voter has held its lease for W within ${patienceMs / 1000} s, so a failover would take longer than its bound`,
    "look which one: npx lormas cluster show local",
  );
}

/** Nodes that do not vote yet, or have not held their leases for W. */
function late({ group, heartbeatPolicy }: Cluster, nodes: readonly Node[]): string[] {
  const waitMs = BigInt(heartbeatPolicy?.waitMs ?? 0);
  const voters = group?.voters ?? [];
  const young = voters.filter(({ heldMs }) => heldMs < waitMs).map(({ nodeName }) => nodeName);
  if (voters.length >= votersMax) return young;
  const healthy = nodes.filter(({ status }) => status === NodeStatus.HEALTHY).map(({ name }) => name);
  return [...young, ...healthy.filter((name) => !voters.some(({ nodeName }) => nodeName === name))];
}
