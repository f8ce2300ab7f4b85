import type { MessageInitShape } from "@bufbuild/protobuf";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import { type ContainerSchema, ContainerStatus, DesiredState } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import type { ContainerService } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { Refusal } from "../../domain/refusal.ts";
import { NO_QUOTAS } from "../../runtime/quota-admission.ts";
import {
  type ContainerReading,
  containerNamed,
  containerPage,
  containersById,
} from "../../store/read-model/container-readings.ts";
import { foretoldContainer } from "../../store/read-model/foretold-readings.ts";
import { findContainerId } from "../../store/read-model/lookup.ts";
import { listMigrations, migrationsById } from "../../store/read-model/migration-readings.ts";
import { visibleNodes } from "../../store/read-model/node-readings.ts";
import type { AgainDemands } from "../rpc-endpoint.ts";
import { confinedTo, mustSee, sightOf } from "../sight.ts";
import { containerView } from "../views/container-view.ts";
import { migrationPreviewView } from "../views/migration-preview-view.ts";
import { migrationView } from "../views/migration-view.ts";
import { carryOut } from "./carry-out.ts";
import { ConsoleInputService } from "./console-input.ts";
import { createContainer, demandCreation } from "./create-container.ts";
import { heldQuotas } from "./held-quotas.ts";
import { streamLogs, streamTerminal } from "./log-stream.ts";
import { namedMigration, settledMigration } from "./migration-wish.ts";
import { withoutForeignNames } from "./n-plus-one-words.ts";
import { callerOf, found, oneLook, type PlaneContext, read, requestedBy } from "./plane-context.ts";
import { updateContainer } from "./update-container.ts";
import { UsageMethods } from "./usage-methods.ts";

type ContainerInit = MessageInitShape<typeof ContainerSchema>;

/** What a request that was answered asks for once more before its answer is given again; see answeringOnce. */
export function containerDemands(plane: PlaneContext): AgainDemands<typeof ContainerService> {
  return {
    createContainer: (request, context) => demandCreation(plane, request, callerOf(context)),
    migrateContainer: async (request, context) => {
      await namedMigration(plane, request, callerOf(context));
    },
  };
}

/** Containers; see the proto. Each wish is stored by Operations before its answer is read back. */
export function containerService(plane: PlaneContext): ServiceImpl<typeof ContainerService> {
  const inputs = new ConsoleInputService(plane);
  const usage = new UsageMethods(plane);
  const idOf = (named: string): Promise<string> => read(plane, ({ em }) => findContainerId(em, named, "id"));

  const readingOf = async (id: string) => (await containersById(oneLook(plane), [id])).get(id);
  const view = async (id: string): Promise<ContainerInit> =>
    containerView(found(await readingOf(id), () => goneContainer(id)));

  const desire = async (named: string, desired: "running" | "stopped", context: HandlerContext) => {
    const id = await idOf(named);
    const within = confinedTo(callerOf(context), ["container:start"], id);
    const quotas = desired === "running" ? await heldQuotas(plane, context, "") : NO_QUOTAS;
    const { warnings } = await withoutForeignNames(callerOf(context), () =>
      plane.operations.setDesired(id, desired, requestedBy(context), { within, quotas }),
    );
    return { container: await view(id), warnings: [...warnings] };
  };

  return {
    async createContainer(request, context) {
      const { seen, warnings } = await createContainer(plane, request, context);
      const container = shown(seen, request, request.name);
      // What is not made yet has no id, and was not made at any time.
      const made = request.validateOnly ? { ...container, id: "", createdAt: undefined } : container;
      return { container: made, warnings: [...warnings] };
    },

    async listContainers(request, context) {
      const em = oneLook(plane);
      const caller = callerOf(context);
      const node = request.node === "" ? null : await mustSee(em, caller, "node", request.node, "node", "unknown");
      const reach = sightOf(caller, "container");
      const { rows, nextPageToken, asOf } = await containerPage(em, { nodeId: node?.id ?? null, reach, ...request });
      return { containers: rows.map(containerView), nextPageToken, asOf };
    },

    getContainer: async (request) => ({
      container: containerView(await containerNamed(oneLook(plane), request.id, "id")),
    }),

    async deleteContainer(request, context) {
      const id = await idOf(request.id);
      const before = await readingOf(id);
      const { seen } = await carryOut(
        plane,
        request,
        ({ operations }) => operations.setDesired(id, "removed", requestedBy(context), { etag: request.etag }),
        {
          stored: () => readingOf(id),
          foretold: (fleet, asOf) => foretoldContainer(fleet, id, asOf) ?? undefined,
        },
      );
      if (seen !== undefined) return { container: shown(seen, request, id) };
      // A container that was on no node is gone at once; then the answer shows it as it was, on its way out.
      const [desiredState, status] = [DesiredState.REMOVED, ContainerStatus.REMOVING];
      return { container: { ...shown(before, request, id), desiredState, status, statusReason: "" } };
    },

    startContainer: (request, context) => desire(request.id, "running", context),

    async stopContainer(request, context) {
      const { container } = await desire(request.id, "stopped", context);
      return { container };
    },

    async killContainer(request, context) {
      const id = await idOf(request.id);
      await plane.operations.kill(id, requestedBy(context));
      return { container: await view(id) };
    },

    async suspendContainer({ id: named, reason }, context) {
      const containerId = await idOf(named);
      await plane.operations.suspend({ containerId, reason, by: requestedBy(context) });
      return { container: await view(containerId) };
    },

    async unsuspendContainer(request, context) {
      const id = await idOf(request.id);
      await plane.operations.unsuspend(id, requestedBy(context));
      return { container: await view(id) };
    },

    async updateContainer(request, context) {
      const { seen, warnings, notes = [] } = await updateContainer(plane, request, context);
      return { container: shown(seen, request, request.id), warnings: [...notes, ...warnings] };
    },

    async restartContainer(request, context) {
      const id = await idOf(request.id);
      await plane.operations.restart(id, requestedBy(context));
      return { container: await view(id) };
    },

    async reinstallContainer(request, context) {
      const id = await idOf(request.id);
      await plane.operations.reinstall(id, requestedBy(context));
      return { container: await view(id) };
    },

    async previewMigration(request, context) {
      const caller = callerOf(context);
      const { containerId, targetId } = await namedMigration(plane, request, caller);
      const preview = await plane.operations.previewMigration(containerId, targetId, { force: request.force });
      const visible = await visibleNodes(oneLook(plane), sightOf(caller, "node"));
      return migrationPreviewView(preview, visible);
    },

    async migrateContainer(request, context) {
      const caller = callerOf(context);
      const { containerId, targetId } = await settledMigration(plane, request, caller);
      const { force } = request;
      const { migrationId } = await plane.operations.migrate(containerId, targetId, requestedBy(context), { force });
      return read(plane, async (snapshot) => {
        const reading = (await migrationsById(snapshot, [migrationId])).get(migrationId);
        const shown = found(reading, () => new Error(`migration ${migrationId} vanished`));
        return { migration: migrationView(shown, await visibleNodes(snapshot.em, sightOf(caller, "node"))) };
      });
    },

    listMigrationHistory: (request, context) =>
      read(plane, async (snapshot) => {
        const containerId = await findContainerId(snapshot.em, request.id, "id");
        const caller = callerOf(context);
        const page = await listMigrations(snapshot, {
          containerId,
          activeOnly: false,
          reach: sightOf(caller, "migration"),
          pageSize: request.pageSize,
          pageToken: request.pageToken,
        });
        const visible = await visibleNodes(snapshot.em, sightOf(caller, "node"));
        const migrations = page.rows.map((reading) => migrationView(reading, visible));
        return { migrations, nextPageToken: page.nextPageToken };
      }),

    streamLogs: (request, context) => streamLogs(plane, request, context),

    sendConsoleInput: (request) => inputs.send(request),

    streamTerminal: (request, context) => streamTerminal(plane, request, context),

    resizeTerminal: (request) => inputs.resize(request),

    listUsage: (request) => usage.list(request),

    streamUsage: (request, context) => usage.stream(request, context),
  };
}

/** An etag is only told of what is: nothing could be done with one that is foretold. */
function shown(seen: ContainerReading | undefined, request: { readonly validateOnly: boolean }, id: string) {
  const container = containerView(found(seen, () => goneContainer(id)));
  return request.validateOnly ? { ...container, etag: "" } : container;
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
