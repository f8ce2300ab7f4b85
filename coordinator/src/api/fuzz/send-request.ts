import { create, type DescMethod, type DescMethodStreaming, type DescMethodUnary, toJson } from "@bufbuild/protobuf";
import { ConnectError, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { ErrorDetailSchema } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import type { Route } from "../rest/route-table.ts";

/** Fields of a request by local name. */
type Fields = Record<string, unknown>;

/** What became of a request. */
export type Answer = {
  readonly accepted: boolean;
  /** The closed set's; "" when it was accepted, and when an error carried none. */
  readonly code: string;
  readonly message: string;
  readonly nextStep: string;
};

/** Whose call it is. */
export type HeadersOf = (method: DescMethod) => Record<string, string>;

/** The local administrator's program. */
export const asBearer =
  (token: string): HeadersOf =>
  () => ({ authorization: `Bearer ${token}` });

const ACCEPTED: Answer = { accepted: true, code: "", message: "", nextStep: "" };

/** Sends the same request by any protocol that the port speaks. */
export class RequestSender {
  readonly #url: string;
  readonly #headersOf: HeadersOf;
  readonly #transports: readonly Transport[];
  readonly #limitMs: number;

  /** A request that takes longer than `limitMs` counts as never answered, and rejects. */
  constructor(url: string, headersOf: HeadersOf, limitMs: number) {
    this.#url = url;
    this.#headersOf = headersOf;
    this.#limitMs = limitMs;
    this.#transports = [
      createGrpcTransport({ baseUrl: url }),
      createGrpcWebTransport({ baseUrl: url, httpVersion: "1.1" }),
      createConnectTransport({ baseUrl: url, httpVersion: "2" }),
      createConnectTransport({ baseUrl: url, httpVersion: "1.1", useBinaryFormat: false }),
    ];
  }

  /** `which`, from [0, 1), chooses the protocol. Of a stream the first message is awaited. */
  async send(method: DescMethod, fields: Fields, which: number): Promise<Answer> {
    const transport = this.#transports[Math.floor(which * this.#transports.length)] as Transport;
    const abort = AbortSignal.timeout(this.#limitMs);
    const headers = this.#headersOf(method);
    try {
      if (method.methodKind === "unary") {
        const unary = method as DescMethodUnary;
        await transport.unary(unary, abort, undefined, headers, create(unary.input, fields));
      } else await this.#first(transport, method as DescMethodStreaming, abort, headers, fields);
      return ACCEPTED;
    } catch (error) {
      if (abort.aborted) throw new Error(`no answer within ${this.#limitMs} ms`, { cause: error });
      const refused = ConnectError.from(error);
      const [detail] = refused.findDetails(ErrorDetailSchema);
      const { code = "", nextStep = "" } = detail ?? {};
      return { accepted: false, code, nextStep, message: refused.rawMessage };
    }
  }

  async #first(
    transport: Transport,
    method: DescMethodStreaming,
    limit: AbortSignal,
    headers: Record<string, string>,
    fields: Fields,
  ): Promise<void> {
    const done = new AbortController();
    const messages = (async function* () {
      yield create(method.input, fields);
    })();
    const signal = AbortSignal.any([limit, done.signal]);
    const answer = await transport.stream(method, signal, undefined, headers, messages);
    try {
      await answer.message[Symbol.asyncIterator]().next();
    } finally {
      done.abort();
    }
  }

  /** The same over REST: path, query and body as the route says. */
  async sendRest({ verb, segments, hasBody, method }: Route, fields: Fields): Promise<Answer> {
    const json = toJson(method.input, create(method.input, fields)) as Record<string, unknown>;
    const path = segments.map((segment) => {
      if (segment.kind !== "field") return segment.text;
      const jsonName = method.input.fields.find(({ name }) => name === segment.field)?.jsonName ?? segment.field;
      const value = json[jsonName] ?? "";
      delete json[jsonName];
      return encodeURIComponent(String(value));
    });
    const query = hasBody ? "" : queryOf(json);
    const answer = await fetch(`${this.#url}/${path.join("/")}${query}`, {
      method: verb,
      headers: { ...this.#headersOf(method), "content-type": "application/json" },
      signal: AbortSignal.timeout(this.#limitMs),
      ...(hasBody ? { body: JSON.stringify(json) } : {}),
    });
    const body = (await answer.json()) as { error?: { code?: string; message?: string; nextStep?: string } };
    if (answer.ok) return ACCEPTED;
    const { code = "", message = `status ${answer.status}`, nextStep = "" } = body.error ?? {};
    return { accepted: false, code, message, nextStep };
  }
}

function queryOf(fields: Record<string, unknown>): string {
  const flat = Object.entries(fields).filter(([, value]) => typeof value !== "object");
  if (flat.length === 0) return "";
  return `?${new URLSearchParams(flat.map(([name, value]) => [name, String(value)]))}`;
}
