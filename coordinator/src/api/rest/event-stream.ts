import type { IncomingMessage, ServerResponse } from "node:http";
import { create, toJsonString } from "@bufbuild/protobuf";
import {
  ChangeSchema,
  HealthSampleSchema,
  WatchOpenedSchema,
  WatchProgressSchema,
  type WatchRequest,
  WatchRequestSchema,
  type WatchResponse,
} from "@lormas/gen/lormas/api/v1/services_pb.ts";
import type { Clock } from "../../runtime/clock.ts";
import { FieldProblem, shortened } from "./request-field.ts";
import { answerError, pathAndQuery, type RestContext, restContext, restProblem } from "./rest-exchange.ts";
import type { RestHandler } from "./rest-handler.ts";
import { drained } from "./unread-bound.ts";

const EVENTS_PATH = "/api/v1/events";
const MEDIA_TYPE = "text/event-stream";
const SEQUENCE_MAX = 2n ** 64n - 1n;

export type EventStreamOptions = {
  /** EventService.Watch with everything that stands before it. Throws ConnectError. */
  readonly watch: (request: WatchRequest, context: RestContext) => AsyncIterable<WatchResponse>;
  readonly clock: Clock;
  /** Told of every error that the caller sees nothing of. */
  readonly onInternalError: (error: unknown) => void;
};

/**
 * EventService.Watch as server-sent events (HTML, section 9.2), for `GET /api/v1/events` with `Accept: text/event-stream`. Each
 * message is an event of its name ("opened", "change", "progress", "health") with its JSON; all but health carry the sequence number
 * as id, so that a browser's EventSource goes on where it was by itself. A watch that cannot begin is answered with its status and
 * the error as JSON, which ends an EventSource for good; one that ends later says why in an event "error".
 */
export function createEventStream({ watch, clock, onInternalError }: EventStreamOptions): RestHandler {
  return async (request, response) => {
    const [path, query] = pathAndQuery(request);
    if (path !== EVENTS_PATH || request.method !== "GET" || !wantsStream(request)) return false;
    try {
      const message = create(WatchRequestSchema, whereFrom(request, query));
      const messages = watch(message, restContext(request, response))[Symbol.asyncIterator]();
      // Whatever refuses the watch does so before its first message.
      const first = await messages.next();
      begin(response);
      await pump(messages, first, response, clock);
    } catch (thrown) {
      const { status } = response.headersSent ? endWithError(response, thrown) : answerError(response, thrown);
      if (status === 500) onInternalError(thrown);
    }
    return true;
  };
}

function wantsStream({ headers }: IncomingMessage): boolean {
  return (headers.accept ?? "").split(",").some((type) => type.split(";", 1)[0]?.trim().toLowerCase() === MEDIA_TYPE);
}

/** The number that a caller has seen last: as EventSource says it when it is back, else as the address says it. */
function whereFrom(request: IncomingMessage, query: string): { after?: bigint } {
  const values = new URLSearchParams(query);
  for (const name of values.keys()) {
    if (name === "after") continue;
    // The list at the same path takes more, so that the document of the API would not explain this.
    const what = `the stream of events takes "after" alone, and not "${shortened(name)}"`;
    throw new FieldProblem(shortened(name), `${what}: leave it out, and choose among the events as they come`);
  }
  if (values.getAll("after").length > 1) throw new FieldProblem("after", "after is given more than once");
  const seen = request.headers["last-event-id"];
  const [name, text] =
    typeof seen === "string" && seen !== "" ? ["Last-Event-ID", seen] : ["after", values.get("after")];
  if (text === null) return {};
  if (!/^\d{1,20}$/.test(text) || BigInt(text) > SEQUENCE_MAX) {
    throw new FieldProblem(name, `${name} "${shortened(text)}" is not the sequence number of an event`);
  }
  return { after: BigInt(text) };
}

function begin(response: ServerResponse): void {
  if (response.destroyed) return;
  response.writeHead(200, {
    "content-type": `${MEDIA_TYPE}; charset=utf-8`,
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    // Or a proxy would keep events until it has a page of them.
    "x-accel-buffering": "no",
  });
}

async function pump(
  messages: AsyncIterator<WatchResponse>,
  first: IteratorResult<WatchResponse>,
  response: ServerResponse,
  clock: Clock,
): Promise<void> {
  for (let next = first; next.done !== true; next = await messages.next()) {
    const text = eventText(next.value);
    if (text !== "" && !response.write(text) && !(await drained(response, clock))) break;
  }
  await messages.return?.();
  // Cut, not ended well: a caller that reads nothing would not hear of the end either.
  if (response.writableNeedDrain) response.destroy();
  else response.end();
}

const JSON_OPTIONS = { alwaysEmitImplicit: true } as const;

function eventText({ message }: WatchResponse): string {
  switch (message.case) {
    case "opened":
      return sse("opened", toJsonString(WatchOpenedSchema, message.value, JSON_OPTIONS), message.value.asOf);
    case "change":
      return sse("change", toJsonString(ChangeSchema, message.value, JSON_OPTIONS), message.value.event?.sequence);
    case "progress":
      return sse("progress", toJsonString(WatchProgressSchema, message.value, JSON_OPTIONS), message.value.asOf);
    case "health":
      return sse("health", toJsonString(HealthSampleSchema, message.value, JSON_OPTIONS));
    case undefined:
      return "";
    default:
      return message satisfies never;
  }
}

/** JSON has no line breaks of its own, so one data line holds it. */
function sse(name: string, data: string, id?: bigint): string {
  return `event: ${name}\n${id === undefined ? "" : `id: ${id}\n`}data: ${data}\n\n`;
}

function endWithError(response: ServerResponse, thrown: unknown): { status: number } {
  const { status, body } = restProblem(thrown);
  if (!response.destroyed) response.end(sse("error", JSON.stringify({ error: body })));
  return { status };
}
