import type { ServerResponse } from "node:http";
import type { CoordinatorStatus } from "../runtime/operations.ts";
import type { Database } from "../store/open-database.ts";
import { sendJson } from "./json-answer.ts";

/** Why this coordinator cannot serve now, for people; null when it can. */
export type Readiness = () => Promise<string | null>;

/** Ready when the database answers, knows every migration, and the fleet's state has been read from it. */
export function databaseReadiness(database: Database, status: Pick<CoordinatorStatus, "databaseReady">): Readiness {
  let migrated = false;
  return async () => {
    if (!(await database.ping())) return "the database does not answer";
    if (!status.databaseReady()) return "the state is being read from the database";
    // A schema never goes back while this process runs; once is enough.
    migrated ||= (await database.orm.migrator.getPending()).length === 0;
    return migrated ? null : "the database is not migrated to this version";
  };
}

/** Serves /health/live, /health/ready and /health (the same as ready). False when the path is none of them. */
export async function serveProbe(path: string, response: ServerResponse, readiness: Readiness): Promise<boolean> {
  if (path === "/health/live") {
    sendJson(response, 200, { status: "ok" });
    return true;
  }
  if (path !== "/health/ready" && path !== "/health") return false;
  const reason = await readiness();
  if (reason === null) {
    sendJson(response, 200, { status: "ok" });
  } else {
    response.setHeader("retry-after", "2");
    sendJson(response, 503, { status: "unavailable", reason });
  }
  return true;
}
