import type { MessageInitShape } from "@bufbuild/protobuf";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import { type ContainerSchema, ContainerStatus, DesiredState } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import type { ContainerService } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { Refusal } from "../../domain/refusal.ts";
import { containersById, listContainers } from "../../store/read-model/container-readings.ts";
import { findContainerId, findNodeId } from "../../store/read-model/lookup.ts";
import { listMigrations, migrationsById } from "../../store/read-model/migration-readings.ts";
import { containerView } from "../views/container-view.ts";
import { migrationView } from "../views/migration-view.ts";
import { createContainer } from "./create-container.ts";
import { streamLogs } from "./log-stream.ts";
import { found, type PlaneContext, read, requestedBy } from "./plane-context.ts";

type ContainerInit = MessageInitShape<typeof ContainerSchema>;

/** Containers; see the proto. Each wish is stored by Operations before its answer is read back. */
export function containerService(plane: PlaneContext): ServiceImpl<typeof ContainerService> {
  const idOf = (named: string): Promise<string> => read(plane, ({ em }) => findContainerId(em, named, "id"));

  const view = (id: string): Promise<ContainerInit> =>
    read(plane, async (snapshot) => {
      const reading = (await containersById(snapshot, [id])).get(id);
      return containerView(found(reading, () => goneContainer(id)));
    });

  const desire = async (named: string, desired: "running" | "stopped", context: HandlerContext) => {
    const id = await idOf(named);
    const { warnings } = await plane.operations.setDesired(id, desired, requestedBy(context));
    return { container: await view(id), warnings: [...warnings] };
  };

  return {
    async createContainer(request, context) {
      const { containerId, warnings } = await createContainer(plane, request, context);
      return { container: await view(containerId), warnings: [...warnings] };
    },

    listContainers: (request) =>
      read(plane, async (snapshot) => {
        const nodeId = request.node === "" ? null : await findNodeId(snapshot.em, request.node, "node");
        const page = await listContainers(snapshot, { nodeId, ...request });
        return {
          containers: page.rows.map(containerView),
          nextPageToken: page.nextPageToken,
          asOf: snapshot.asOf,
        };
      }),

    getContainer: (request) =>
      read(plane, async (snapshot) => {
        const id = await findContainerId(snapshot.em, request.id, "id");
        const reading = (await containersById(snapshot, [id])).get(id);
        return { container: containerView(found(reading, () => goneContainer(id))) };
      }),

    async deleteContainer(request, context) {
      const id = await idOf(request.id);
      const before = await view(id);
      await plane.operations.setDesired(id, "removed", requestedBy(context));
      // A container that was on no node is gone at once; then the answer shows it as it was, on its way out.
      const after = await read(plane, async (snapshot) => (await containersById(snapshot, [id])).get(id));
      if (after !== undefined) return { container: containerView(after) };
      const [desiredState, status] = [DesiredState.REMOVED, ContainerStatus.REMOVING];
      return { container: { ...before, desiredState, status, statusReason: "" } };
    },

    startContainer: (request, context) => desire(request.id, "running", context),

    async stopContainer(request, context) {
      const { container } = await desire(request.id, "stopped", context);
      return { container };
    },

    async restartContainer(request, context) {
      const id = await idOf(request.id);
      await plane.operations.restart(id, requestedBy(context));
      return { container: await view(id) };
    },

    async migrateContainer(request, context) {
      const { id, targetId } = await read(plane, async ({ em }) => ({
        id: await findContainerId(em, request.id, "id"),
        targetId: request.targetNode === "" ? null : await findNodeId(em, request.targetNode, "target_node"),
      }));
      const { migrationId } = await plane.operations.migrate(id, targetId, requestedBy(context));
      return read(plane, async (snapshot) => {
        const reading = (await migrationsById(snapshot, [migrationId])).get(migrationId);
        return { migration: migrationView(found(reading, () => new Error(`migration ${migrationId} vanished`))) };
      });
    },

    listMigrationHistory: (request) =>
      read(plane, async (snapshot) => {
        const containerId = await findContainerId(snapshot.em, request.id, "id");
        const page = await listMigrations(snapshot, {
          containerId,
          activeOnly: false,
          pageSize: request.pageSize,
          pageToken: request.pageToken,
        });
        return { migrations: page.rows.map(migrationView), nextPageToken: page.nextPageToken };
      }),

    streamLogs: (request, context) => streamLogs(plane, request, context),
  };
}

function goneContainer(id: string): Refusal {
  return new Refusal(
    "not_found",
    `Container ${id} has just been removed.`,
    "List the containers to see what there is.",
    {
      field: "id",
    },
  );
}
