import type {
  Attach,
  CommandResult,
  ConsoleResult,
  EnrolRequest,
  Goodbye,
  Heartbeat,
  Hello,
  Inventory,
  PushLogsRequest,
  WorkloadReport,
} from "@lormas/gen/lormas/agent/v1/agent_pb.ts";

/** One thing that the suite's coordinator saw of the agent. */
export type Heard =
  /** A TCP connection, whatever becomes of it. */
  | { readonly kind: "dial" }
  /** One whose TLS is done. */
  | { readonly kind: "connection"; readonly protocol: string; readonly alpn: string; readonly serial: string }
  | { readonly kind: "enrol"; readonly value: EnrolRequest }
  | { readonly kind: "renewal"; readonly serial: string }
  | { readonly kind: "hello"; readonly value: Hello; readonly stream: number }
  | { readonly kind: "beat"; readonly value: Heartbeat; readonly stream: number }
  | { readonly kind: "attach"; readonly value: Attach; readonly stream: number }
  | { readonly kind: "result"; readonly value: CommandResult; readonly stream: number }
  | { readonly kind: "inventory"; readonly value: Inventory; readonly stream: number }
  | { readonly kind: "report"; readonly value: WorkloadReport; readonly stream: number }
  | { readonly kind: "goodbye"; readonly value: Goodbye; readonly stream: number }
  | { readonly kind: "console"; readonly value: ConsoleResult; readonly stream: number }
  | { readonly kind: "logs"; readonly value: PushLogsRequest; readonly stream: number }
  | { readonly kind: "logs_end"; readonly stream: number }
  /** A stream has ended, by whichever side. */
  | { readonly kind: "closed"; readonly stream: number };

export type HeardKind = Heard["kind"];
/** With the boot time of its coming, in milliseconds. */
export type HeardOf<Kind extends HeardKind> = Extract<Heard, { kind: Kind }> & { readonly atMs: number };

/** Things that a whole run may hear; what an agent sends beyond that is not looked at any more, and is a violation. */
export const HEARD_MAX = 200_000;
/** Violations that are kept, each once. */
export const VIOLATIONS_MAX = 20;

/** All that was heard, in order. */
export class HeardLog {
  readonly #all: (Heard & { readonly atMs: number })[] = [];
  readonly #violations = new Set<string>();

  /** What the agent sent against the protocol's rules, the first of it. */
  get violations(): string[] {
    return [...this.#violations];
  }

  /** A place in the record: `since` answers what came after it. */
  get length(): number {
    return this.#all.length;
  }

  note(heard: Heard, atMs: number): void {
    if (this.#all.length >= HEARD_MAX) this.violated(`the agent has sent more than ${HEARD_MAX} messages`);
    else this.#all.push({ ...heard, atMs });
  }

  violated(problem: string): void {
    if (this.#violations.size < VIOLATIONS_MAX) this.#violations.add(problem);
  }

  since<Kind extends HeardKind>(place: number, kind: Kind): HeardOf<Kind>[] {
    return this.#all.slice(place).filter((heard): heard is HeardOf<Kind> => heard.kind === kind);
  }

  /** The kinds of all that came after a place, in order. */
  kindsSince(place: number): HeardKind[] {
    return this.#all.slice(place).map(({ kind }) => kind);
  }

  last<Kind extends HeardKind>(kind: Kind): HeardOf<Kind> | undefined {
    return this.#all.findLast((heard): heard is HeardOf<Kind> => heard.kind === kind);
  }
}
