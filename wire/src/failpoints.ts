// For tests alone: named points before and after everything a process does to the world, at which it can be made to die.
// Nothing here runs unless the environment asks for it; see coordinator-failpoints.ts and agent-failpoints.ts for the sites.

/** What an operation does outside this process: makes something last, tells somebody, or neither. */
export type EffectKind = "durable" | "send" | "read";
/** Before: nothing of the effect has happened. After: it has happened, and nobody here has taken note of it. */
export type Moment = "before" | "after";
/** kill: SIGKILL for this very process. stop: SIGSTOP, until somebody sends SIGCONT. */
export type FailpointAction = "kill" | "stop";

/** Names a failpoint, such as "agent.runtime.start:before:kill:nth=2", or "@" and a folder that is looked into (ArmedFolder). */
export const FAILPOINT_VARIABLE = "LORMAS_FAILPOINT";

export type Failpoint = {
  readonly site: string;
  readonly moment: Moment;
  readonly action: FailpointAction;
  /** The first reaching is number 1. */
  readonly nth: number;
};

/** Reads a failpoint as text. Throws with what is wrong and what would be right. */
export function parseFailpoint(text: string, sites: ReadonlySet<string>): Failpoint {
  const [site = "", moment, action, count = "nth=1", ...rest] = text.trim().split(":");
  const nth = Number(/^nth=([1-9]\d{0,5})$/.exec(count)?.[1]);
  const sound =
    rest.length === 0 && (moment === "before" || moment === "after") && (action === "kill" || action === "stop");
  if (!sound || Number.isNaN(nth)) {
    throw new Error(`${FAILPOINT_VARIABLE} is "${text}": write SITE:before|after:kill|stop[:nth=N]`);
  }
  if (!sites.has(site)) {
    throw new Error(`${FAILPOINT_VARIABLE} names "${site}", which is none of: ${[...sites].sort().join(", ")}`);
  }
  return { site, moment, action, nth };
}

/** Both moments of every site, as "SITE:MOMENT". */
export function pointsOf(sites: Iterable<string>): string[] {
  return [...sites].flatMap((site) => [`${site}:before`, `${site}:after`]);
}

/** The sites of a port: one for each of its methods that is not a mere read. */
export function sitesOf(prefix: string, effects: Readonly<Record<string, EffectKind>>): string[] {
  return Object.entries(effects).flatMap(([name, kind]) => (kind === "read" ? [] : [`${prefix}.${name}`]));
}

/** The name of a message of a stream: the case of its oneof. */
export type CaseOf<M extends { readonly message: { readonly case: string | undefined } }> = NonNullable<
  M["message"]["case"]
>;

/** The part of a grpc-js stream that sends. */
type Writing = { write(message: unknown, ...rest: unknown[]): unknown };

/** Puts failpoints around ports. `reach` is called at every one, and ends the process where it is told to. */
export class Failpoints {
  readonly #reach: (site: string, moment: Moment) => void;

  constructor(reach: (site: string, moment: Moment) => void) {
    this.#reach = reach;
  }

  /**
   * A port that does what it did, with a failpoint before and after each call of a method that is not a read. After: once it
   * has returned, or its promise is settled: what failed may have done half of it. `more` names further sites of one call, by its arguments.
   */
  around<Port extends object>(
    prefix: string,
    port: Port,
    effects: Readonly<Record<keyof Port, EffectKind>>,
    more: (method: string, args: readonly unknown[]) => readonly string[] = () => [],
  ): Port {
    const wrapped = new Map<string | symbol, unknown>();
    return new Proxy(port, {
      // The port itself is the receiver: its private fields are not the proxy's.
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key, target);
        if (typeof value !== "function") return value;
        const known = wrapped.get(key);
        if (known) return known;
        const kind = typeof key === "string" ? effects[key as keyof Port] : "read";
        const around = (...args: unknown[]): unknown => {
          if (kind === "read" || kind === undefined) return Reflect.apply(value, target, args);
          const sites = [`${prefix}.${String(key)}`, ...more(String(key), args)];
          for (const site of sites) this.#reach(site, "before");
          const result: unknown = Reflect.apply(value, target, args);
          const after = (): void => {
            for (const site of sites) this.#reach(site, "after");
          };
          if (!(result instanceof Promise)) {
            after();
            return result;
          }
          return result.finally(after);
        };
        wrapped.set(key, around);
        return around;
      },
    });
  }

  /** The same stream, with a failpoint before and after each message. After: once the transport has taken it. */
  onStream<Stream extends object>(prefix: string, stream: Stream): Stream {
    // grpc-js types what a stream writes by its service; here every stream only has to be one that writes.
    const writing = stream as unknown as Writing;
    const write = writing.write.bind(stream);
    writing.write = (message, ...rest) => {
      const site = `${prefix}.${caseOf(message)}`;
      this.#reach(site, "before");
      const taken = rest.at(-1);
      return write(message, (error?: Error | null) => {
        if (!error) this.#reach(site, "after");
        if (typeof taken === "function") taken(error);
      });
    };
    return stream;
  }
}

function caseOf(request: unknown): string {
  const { message } = request as { readonly message?: { readonly case?: string } };
  return message?.case ?? "unknown";
}
