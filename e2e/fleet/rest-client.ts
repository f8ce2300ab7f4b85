/** An answer over REST. */
export type RestAnswer = {
  readonly status: number;
  readonly headers: Headers;
  /** The JSON body, as an object; empty when there is none. */
  readonly body: Readonly<Record<string, unknown>>;
};

const CALL_MS = 20_000;

/** The REST routes as curl would call them: nothing but fetch, a token and JSON. */
export class RestClient {
  readonly #url: string;
  readonly #token: string;

  constructor(url: string, token: string) {
    this.#url = url;
    this.#token = token;
  }

  get(path: string): Promise<RestAnswer> {
    return this.send("GET", path);
  }

  post(path: string, body: unknown = {}): Promise<RestAnswer> {
    return this.send("POST", path, JSON.stringify(body));
  }

  delete(path: string): Promise<RestAnswer> {
    return this.send("DELETE", path);
  }

  /** One call with a body as it is given; at most 20 s. */
  async send(method: string, path: string, body?: string, headers: Record<string, string> = {}): Promise<RestAnswer> {
    const answer = await fetch(`${this.#url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.#token}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      signal: AbortSignal.timeout(CALL_MS),
      ...(body === undefined ? {} : { body }),
    });
    const text = await answer.text();
    return { status: answer.status, headers: answer.headers, body: text === "" ? {} : JSON.parse(text) };
  }
}
