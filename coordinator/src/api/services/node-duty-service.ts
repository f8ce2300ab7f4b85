import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import {
  type NodeService,
  type UpdateNodeRequest,
  UpdateNodeRequestSchema,
} from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { NODE_PRIORITY_DEFAULT } from "../../domain/node/node-priority.ts";
import { inCluster, reaches } from "../../permissions/grant.ts";
import type { Granted } from "../../runtime/operator-wishes.ts";
import { foretoldNode } from "../../store/read-model/foretold-readings.ts";
import { findNodeId } from "../../store/read-model/lookup.ts";
import { nodesById } from "../../store/read-model/node-readings.ts";
import type { Caller } from "../call-context.ts";
import { demand } from "../demand-permission.ts";
import { type Maskable, unmasked } from "../field-mask.ts";
import { mustSee, sightOf } from "../sight.ts";
import { liveNodes, nodeView } from "../views/node-view.ts";
import { whatIfDetailView, whatIfSummaryView } from "../views/what-if-view.ts";
import { carryOut, NOTHING_LEFT } from "./carry-out.ts";
import { withoutForeignNames } from "./n-plus-one-words.ts";
import { callerOf, found, oneLook, type PlaneContext, read, requestedBy } from "./plane-context.ts";

type DutyMethods = Pick<
  ServiceImpl<typeof NodeService>,
  | "updateNode"
  | "cordonNode"
  | "uncordonNode"
  | "drainNode"
  | "startMaintenance"
  | "endMaintenance"
  | "revokeNode"
  | "removeNode"
  | "approveNode"
  | "denyNode"
  | "whatIf"
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
  const granted = async (named: string, context: HandlerContext, ask: (id: string, by: string) => Promise<Granted>) => {
    const { node, answer } = await wish(named, context, (id, by) =>
      withoutForeignNames(callerOf(context), () => ask(id, by)),
    );
    return { node, warnings: [...(answer.notes ?? []), ...answer.warnings] };
  };
  return {
    cordonNode: ({ id }, context) => granted(id, context, (nodeId, by) => operators.cordon(nodeId, by)),
    drainNode: ({ id }, context) => granted(id, context, (nodeId, by) => operators.drain(nodeId, by)),
    startMaintenance: ({ id, durationSeconds, failback }, context) =>
      granted(id, context, (nodeId, by) => {
        const untilMs = durationSeconds === 0 ? null : plane.clock.wallMs() + durationSeconds * 1_000;
        return operators.startMaintenance(nodeId, { untilMs, failback }, by);
      }),
    async revokeNode({ id }, context) {
      const { node } = await wish(id, context, (nodeId, by) => operators.revoke(nodeId, by));
      return { node };
    },
    async approveNode({ id, keyFingerprint }, context) {
      const { node } = await wish(id, context, (nodeId, by) => operators.approve(nodeId, keyFingerprint, by));
      return { node };
    },
    async denyNode({ id }, context) {
      const nodeId = await read(plane, ({ em }) => findNodeId(em, id, "id", "not_found"));
      await operators.deny(nodeId, requestedBy(context));
      return {};
    },
    async removeNode(request, context) {
      const nodeId = await read(plane, ({ em }) => findNodeId(em, request.id, "id", "not_found"));
      await carryOut(plane, request, (wishes) => wishes.operators.remove(nodeId, requestedBy(context)), NOTHING_LEFT);
      return {};
    },
    updateNode: (request, context) => updateNode(plane, request, context),
    async uncordonNode({ id }, context) {
      const { node } = await wish(id, context, (nodeId, by) => operators.uncordon(nodeId, by));
      return { node };
    },
    async endMaintenance({ id }, context) {
      const { node } = await wish(id, context, (nodeId, by) => operators.endMaintenance(nodeId, by));
      return { node };
    },
    async whatIf(request, context) {
      const caller = callerOf(context);
      const { nodes, asOfMs } =
        request.node === "" ? await ofAll(plane, caller) : await ofOne(plane, request.node, caller);
      const broken = nodes.filter(({ holds }) => !holds);
      const [first] = broken;
      const more = broken.length - 1;
      const summary =
        first === undefined
          ? `N+1 holds${request.node === "" ? "" : ` for ${nodes[0]?.nodeName ?? ""}`}`
          : `N+1 does not hold: if ${first.nodeName} dies, ${namesOf(first)} would be without a place` +
            (more > 0 ? `; nor for ${more} more ${more === 1 ? "node" : "nodes"}` : "");
      return { nodes, holds: first === undefined, summary, asOf: timestampFromMs(asOfMs) };
    },
  };
}

/** Cleared is as a new node is. */
const MASKABLE: Maskable<typeof UpdateNodeRequestSchema> = {
  cleared: { priority: NODE_PRIORITY_DEFAULT },
  needed: ["name", "cluster"],
  changes: ["setLabels", "removeLabels"],
};

async function updateNode(plane: PlaneContext, given: UpdateNodeRequest, context: HandlerContext) {
  const request = unmasked(UpdateNodeRequestSchema, given, MASKABLE);
  const { priority, setLabels, removeLabels, name, cluster, etag } = request;
  const caller = callerOf(context);
  const clusterId = cluster === undefined ? undefined : await permittedCluster(plane, cluster, caller);
  const change = { priority, labels: { set: setLabels, remove: removeLabels }, name, clusterId, etag };
  const stored = (id: string) =>
    read(plane, async (snapshot) =>
      found((await nodesById(snapshot, [id])).get(id), () => new Error(`node ${id} vanished`)),
    );
  const id = await read(plane, ({ em }) => findNodeId(em, request.id, "id", "not_found"));
  const { health } = await stored(id);
  const { answer, seen } = await carryOut(
    plane,
    request,
    (wishes) => withoutForeignNames(caller, () => wishes.operators.update(id, change, requestedBy(context))),
    {
      stored: () => stored(id),
      foretold: (fleet, asOf) => ({
        ...found(foretoldNode(fleet, id, asOf), () => new Error(`node ${id} vanished`)),
        health,
      }),
    },
  );
  const node = nodeView(seen, liveNodes(plane.status));
  return {
    // An etag is only told of what is: nothing could be done with one that is foretold.
    node: request.validateOnly ? { ...node, etag: "" } : node,
    warnings: [...(answer.notes ?? []), ...answer.warnings],
  };
}

/** The cluster to move to, where the caller may change nodes as well. */
async function permittedCluster(plane: PlaneContext, named: string, caller: Caller): Promise<string> {
  const { id, name, place } = await mustSee(oneLook(plane), caller, "cluster", named, "cluster", "unknown");
  demand(caller, "node:update", { place, what: `cluster ${name}` });
  return id;
}

async function ofAll(plane: PlaneContext, caller: Caller) {
  const [nodes, containers] = [sightOf(caller, "node"), sightOf(caller, "container")];
  const forecast = await plane.whatIf.all();
  const seen = forecast.nodes.filter(({ clusterId }) => reaches(nodes, inCluster(clusterId)));
  return {
    asOfMs: forecast.asOfMs,
    nodes: seen.map((summary) => {
      const view = whatIfSummaryView(summary, summary.clusterName);
      return reaches(containers, inCluster(summary.clusterId)) ? view : { ...view, withoutPlace: [] };
    }),
  };
}

async function ofOne(plane: PlaneContext, named: string, caller: Caller) {
  const node = await read(plane, async (snapshot) => {
    const { id } = await mustSee(snapshot.em, caller, "node", named, "node");
    return found((await nodesById(snapshot, [id])).get(id), () => new Error(`node ${id} vanished`));
  });
  const { asOfMs, containers, policy } = plane.whatIf.one(node.row.id);
  const names = { nodeId: node.row.id, nodeName: node.row.name, clusterName: node.clusterName };
  const view = whatIfDetailView(names, containers, policy);
  const namesThem = reaches(sightOf(caller, "container"), inCluster(node.row.clusterId));
  return {
    asOfMs,
    nodes: [namesThem ? view : { ...view, withoutPlace: [], containers: [] }],
  };
}

/** Those that are named, or how many they are where the caller may not see them. */
function namesOf({ withoutPlace = [], withoutPlaceCount = 0 }: ReturnType<typeof whatIfSummaryView>): string {
  return withoutPlace.length > 0
    ? withoutPlace.join(", ")
    : `${withoutPlaceCount} ${withoutPlaceCount === 1 ? "container" : "containers"}`;
}
