import { create, type DescMessage, type Message } from "@bufbuild/protobuf";
import {
  AlertSchema,
  ClusterSchema,
  ContainerSchema,
  EggSchema,
  MigrationSchema,
  NodeSchema,
} from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import {
  ApiTokenSchema,
  AuthoritySchema,
  RoleSchema,
  SessionSchema,
  UserSchema,
} from "@lormas/gen/lormas/api/v1/services_pb.ts";
import type { AuditObject } from "../audit/audit-entry.ts";
import { Refusal } from "../domain/refusal.ts";
import { alertsById } from "../store/read-model/alert-readings.ts";
import { clusterById } from "../store/read-model/cluster-readings.ts";
import { containerNamed } from "../store/read-model/container-readings.ts";
import { eggById } from "../store/read-model/egg-readings.ts";
import { findClusterId, findNodeId, isPlain, isUuid } from "../store/read-model/lookup.ts";
import { migrationsById } from "../store/read-model/migration-readings.ts";
import { nodesById } from "../store/read-model/node-readings.ts";
import { shownAuthority } from "./services/authority-service.ts";
import { oneLook, type PlaneContext, read } from "./services/plane-context.ts";
import { shownRole } from "./services/role-methods.ts";
import { sessionView } from "./services/session-view.ts";
import { tokenView } from "./services/token-view.ts";
import { shownUser } from "./services/user-methods.ts";
import { alertView } from "./views/alert-view.ts";
import { clusterView } from "./views/cluster-view.ts";
import { containerView } from "./views/container-view.ts";
import { eggView } from "./views/egg-view.ts";
import { migrationView } from "./views/migration-view.ts";
import { nodeView } from "./views/node-view.ts";

/** An object as the API shows it. */
export type ShownObject = { readonly schema: DescMessage; readonly message: Message };

/** Finds an object by what a request calls it; null when it is not there. Rejects when the database is away. */
export type ObjectReading = (kind: Exclude<AuditObject["kind"], "">, named: string) => Promise<ShownObject | null>;

/** Reads objects as their services' Get methods show them. */
export function objectReading(plane: PlaneContext): ObjectReading {
  return async (kind, named) => {
    try {
      return await look(plane, kind, named);
    } catch (thrown) {
      // Which the call itself will say.
      if (thrown instanceof Refusal && /^(not_found|unknown_)/.test(thrown.code)) return null;
      throw thrown;
    }
  };
}

async function look(
  plane: PlaneContext,
  kind: Parameters<ObjectReading>[0],
  named: string,
): Promise<ShownObject | null> {
  switch (kind) {
    case "container":
      return shown(ContainerSchema, containerView(await containerNamed(oneLook(plane), named, "id")));
    case "node":
      return read(plane, async (snapshot, live) => {
        const id = await findNodeId(snapshot.em, named, "id", "not_found");
        const reading = (await nodesById(snapshot, [id])).get(id);
        return reading === undefined ? null : shown(NodeSchema, nodeView(reading, live));
      });
    case "cluster":
      return read(plane, async (snapshot) => {
        const id = await findClusterId(snapshot.em, named, "id", "not_found");
        const reading = await clusterById(snapshot, id);
        return reading && shown(ClusterSchema, clusterView(reading, plane.status.groupOf(id)));
      });
    case "alert":
      return byUuid(named, (id) =>
        read(plane, async (snapshot) => {
          const reading = (await alertsById(snapshot, [id])).get(id);
          return reading === undefined ? null : shown(AlertSchema, alertView(reading));
        }),
      );
    case "migration":
      return byUuid(named, (id) =>
        read(plane, async (snapshot) => {
          const reading = (await migrationsById(snapshot, [id])).get(id);
          return reading === undefined ? null : shown(MigrationSchema, migrationView(reading, null));
        }),
      );
    case "egg":
      return read(plane, async (snapshot) => {
        const reading = isPlain(named) ? await eggById(snapshot, named) : null;
        return reading === null ? null : shown(EggSchema, eggView(reading, "masked"));
      });
    case "user":
      return shown(UserSchema, await shownUser(plane, named));
    case "authority":
      // There is one, whatever a request calls it.
      return shown(AuthoritySchema, await shownAuthority(plane));
    case "role":
      return shown(RoleSchema, await shownRole(plane, named));
    case "session": {
      const session = await plane.sessions.find(named);
      return session && shown(SessionSchema, sessionView(session, ""));
    }
    case "token": {
      const token = (await plane.tokens.valid()).find(({ name }) => name === named);
      if (token === undefined) return null;
      return shown(ApiTokenSchema, tokenView(token, await plane.grants.of({ kind: "token", id: token.tokenHash })));
    }
    // A server's name alone does not say which cluster's login it is; entries hold what was asked for, and the login afterwards.
    case "registry":
      return null;
    default:
      return kind satisfies never;
  }
}

async function byUuid(named: string, look: (id: string) => Promise<ShownObject | null>): Promise<ShownObject | null> {
  return isUuid(named) ? look(named.toLowerCase()) : null;
}

function shown<Schema extends DescMessage>(schema: Schema, view: Parameters<typeof create<Schema>>[1]): ShownObject {
  return { schema, message: create(schema, view) };
}
