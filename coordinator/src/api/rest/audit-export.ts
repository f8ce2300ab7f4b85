import type { IncomingMessage, ServerResponse } from "node:http";
import { create, toJsonString } from "@bufbuild/protobuf";
import {
  AuditEntrySchema,
  AuditService,
  type ExportAuditEntriesRequest,
  ExportAuditEntriesRequestSchema,
  type ExportAuditEntriesResponse,
  type ListAuditEntriesRequest,
} from "@lormas/gen/lormas/api/v1/services_pb.ts";
import type { Clock } from "../../runtime/clock.ts";
import { FieldProblem } from "./request-field.ts";
import { requestMessage } from "./request-message.ts";
import { answerError, pathAndQuery, type RestContext, restContext, restProblem } from "./rest-exchange.ts";
import type { RestHandler } from "./rest-handler.ts";
import { buildRouteTable } from "./route-table.ts";
import { drained } from "./unread-bound.ts";

const MEDIA_TYPE = "application/x-ndjson";

export type AuditExportOptions = {
  /** AuditService.ExportAuditEntries with everything that stands before it. Throws ConnectError. */
  readonly exported: (
    request: ExportAuditEntriesRequest,
    context: RestContext,
  ) => AsyncIterable<ExportAuditEntriesResponse>;
  readonly clock: Clock;
  /** Told of every error that the caller sees nothing of. */
  readonly onInternalError: (error: unknown) => void;
};

/**
 * AuditService.ExportAuditEntries as NDJSON, for the path of ListAuditEntries with `Accept: application/x-ndjson`: one AuditEntry
 * a line. What cannot begin is answered with its status and the error as JSON; what breaks off later is cut, not ended, so that
 * nobody takes a part for the whole. A caller that reads nothing for UNREAD_MS_MAX is cut as well.
 */
export function createAuditExport({ exported, clock, onInternalError }: AuditExportOptions): RestHandler {
  const table = buildRouteTable([AuditService]);
  return async (request, response) => {
    const [path, query] = pathAndQuery(request);
    if (!wantsLines(request)) return false;
    const match = table.find(request.method ?? "", path);
    if (match.kind !== "route") return false;
    try {
      const parts = { route: match.route, pathFields: match.fields, query: new URLSearchParams(query), body: "" };
      // The route's own method says which message this is.
      const asked = requestMessage(parts) as ListAuditEntriesRequest;
      const entries = exported(wholeOf(asked), restContext(request, response))[Symbol.asyncIterator]();
      // Whatever refuses the export does so before its first entry.
      const first = await entries.next();
      begin(response);
      await pump(entries, first, response, clock);
    } catch (thrown) {
      const { status } = response.headersSent ? cut(response, thrown) : answerError(response, thrown);
      if (status === 500) onInternalError(thrown);
    }
    return true;
  };
}

function wantsLines({ headers }: IncomingMessage): boolean {
  return (headers.accept ?? "").split(",").some((type) => type.split(";", 1)[0]?.trim().toLowerCase() === MEDIA_TYPE);
}

function wholeOf({ pageSize, pageToken, actor, method, object, decision, from, to }: ListAuditEntriesRequest) {
  if (pageSize !== 0) throw new FieldProblem("page_size", "an export has no pages: leave page_size out");
  if (pageToken !== "") throw new FieldProblem("page_token", "an export has no pages: leave page_token out");
  return create(ExportAuditEntriesRequestSchema, {
    ...{ actor, method, object, decision },
    ...(from && { from }),
    ...(to && { to }),
  });
}

function begin(response: ServerResponse): void {
  if (response.destroyed) return;
  response.writeHead(200, {
    "content-type": `${MEDIA_TYPE}; charset=utf-8`,
    "content-disposition": 'attachment; filename="audit.ndjson"',
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
  });
}

async function pump(
  entries: AsyncIterator<ExportAuditEntriesResponse>,
  first: IteratorResult<ExportAuditEntriesResponse>,
  response: ServerResponse,
  clock: Clock,
): Promise<void> {
  for (let next = first; next.done !== true; next = await entries.next()) {
    const { entry } = next.value;
    if (entry === undefined) continue;
    const line = `${toJsonString(AuditEntrySchema, entry, { alwaysEmitImplicit: true })}\n`;
    if (response.write(line) || (await drained(response, clock))) continue;
    await entries.return?.();
    response.destroy();
    return;
  }
  response.end();
}

function cut(response: ServerResponse, thrown: unknown): { status: number } {
  response.destroy();
  return restProblem(thrown);
}
