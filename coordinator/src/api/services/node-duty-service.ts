import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import type { NodeService } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { findNodeId } from "../../store/read-model/lookup.ts";
import { nodesById } from "../../store/read-model/node-readings.ts";
import { nodeView } from "../views/node-view.ts";
import { whatIfDetailView, whatIfSummaryView } from "../views/what-if-view.ts";
import { found, type PlaneContext, read, requestedBy } from "./plane-context.ts";

type DutyMethods = Pick<
  ServiceImpl<typeof NodeService>,
  "cordonNode" | "uncordonNode" | "drainNode" | "startMaintenance" | "endMaintenance" | "whatIf"
>;

/** What operators decide about nodes, and what their deaths would mean; see the proto. */
export function nodeDutyService(plane: PlaneContext): DutyMethods {
  const { operators } = plane;
  const wish = async <T>(named: string, context: HandlerContext, ask: (id: string, by: string) => Promise<T>) => {
    const id = await read(plane, ({ em }) => findNodeId(em, named, "id", "not_found"));
    const answer = await ask(id, requestedBy(context));
    const node = await read(plane, async (snapshot, live) => {
      const reading = (await nodesById(snapshot, [id])).get(id);
      return nodeView(
        found(reading, () => new Error(`node ${id} vanished`)),
        live,
      );
    });
    return { node, answer };
  };
  const granted = async (
    named: string,
    context: HandlerContext,
    ask: (id: string, by: string) => Promise<{ readonly warnings: readonly string[] }>,
  ) => {
    const { node, answer } = await wish(named, context, ask);
    return { node, warnings: [...answer.warnings] };
  };
  return {
    cordonNode: ({ id }, context) => granted(id, context, (nodeId, by) => operators.cordon(nodeId, by)),
    drainNode: ({ id }, context) => granted(id, context, (nodeId, by) => operators.drain(nodeId, by)),
    startMaintenance: ({ id, durationSeconds, failback }, context) =>
      granted(id, context, (nodeId, by) => {
        const untilMs = durationSeconds === 0 ? null : plane.clock.wallMs() + durationSeconds * 1_000;
        return operators.startMaintenance(nodeId, { untilMs, failback }, by);
      }),
    async uncordonNode({ id }, context) {
      const { node } = await wish(id, context, (nodeId, by) => operators.uncordon(nodeId, by));
      return { node };
    },
    async endMaintenance({ id }, context) {
      const { node } = await wish(id, context, (nodeId, by) => operators.endMaintenance(nodeId, by));
      return { node };
    },
    async whatIf(request) {
      const nodes = request.node === "" ? await ofAll(plane) : [await ofOne(plane, request.node)];
      const broken = nodes.filter(({ holds }) => !holds);
      const [first] = broken;
      const more = broken.length - 1;
      const summary =
        first === undefined
          ? `N+1 holds${request.node === "" ? "" : ` for ${nodes[0]?.nodeName ?? ""}`}`
          : `N+1 does not hold: if ${first.nodeName} dies, ${first.withoutPlace?.join(", ") ?? ""} would be without a place` +
            (more > 0 ? `; nor for ${more} more ${more === 1 ? "node" : "nodes"}` : "");
      return { nodes, holds: first === undefined, summary };
    },
  };
}

async function ofAll(plane: PlaneContext) {
  const summaries = await plane.whatIf.all();
  return summaries.map((summary) => whatIfSummaryView(summary, summary.clusterName));
}

async function ofOne(plane: PlaneContext, named: string) {
  const node = await read(plane, async (snapshot) => {
    const id = await findNodeId(snapshot.em, named, "node", "not_found");
    return found((await nodesById(snapshot, [id])).get(id), () => new Error(`node ${id} vanished`));
  });
  const { containers, policy } = plane.whatIf.one(node.row.id);
  const names = { nodeId: node.row.id, nodeName: node.row.name, clusterName: node.clusterName };
  return whatIfDetailView(names, containers, policy);
}
