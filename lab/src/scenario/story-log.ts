import type { Event } from "@lormas/gen/lormas/api/v1/resources_pb.ts";

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/** Events that tell how a node fared; what comes and goes without consequence is left out. */
const OF_NODES: Readonly<Record<string, string>> = {
  "node.dead": "declared dead",
  "node.rejoining": "comes back",
};

/** Events that tell how a container fared, without what only says how far a migration is. */
const OF_CONTAINERS: Readonly<Record<string, string>> = {
  "container.running": "runs",
  "container.crashed": "crashed",
  "container.failed": "given up",
  "container.stopped": "stopped",
  "container.unknown": "unknown",
  "migration.started": "is moved",
  "migration.completed": "moved",
  "migration.failed": "not moved",
  "migration.cancelled": "move cancelled",
};

/** Who is who in the events. */
export type Names = { readonly nodes: ReadonlyMap<string, string>; readonly containers: ReadonlyMap<string, string> };

/**
 * The timeline of a story as people review it. Hosts are letters in the order in which the story comes upon them, times are
 * left out, and events stand by whom they concern, so that a run which takes the same course has the same log.
 */
export class StoryLog {
  readonly #lines: string[] = [];

  constructor(title: string) {
    this.#lines.push(title, "");
  }

  tell(line: string): void {
    this.#lines.push(`  ${line}`);
  }

  section(title: string): void {
    this.#lines.push("", title);
  }

  /** What the coordinator has told of the hosts that the story has come upon, and of every container. */
  events(events: readonly Event[], names: Names): void {
    this.section("The coordinator tells");
    const told = this.#lines.join("\n");
    const known = [...names.nodes].filter(([, name]) => new RegExp(`\\b${name}\\b`).test(told));
    for (const [id, name] of known) this.#subject(name, id, events, "nodeId", OF_NODES);
    for (const [id, name] of names.containers) this.#subject(name, id, events, "containerId", OF_CONTAINERS);
  }

  get text(): string {
    const letters = new Map<string, string>();
    const letterOf = (name: string): string => {
      const known = letters.get(name) ?? LETTERS[letters.size] ?? name;
      letters.set(name, known);
      return known;
    };
    return `${this.#lines.join("\n").replaceAll(/\bhost-\d+\b/g, letterOf)}\n`;
  }

  #subject(
    name: string,
    id: string,
    events: readonly Event[],
    key: "nodeId" | "containerId",
    words: Readonly<Record<string, string>>,
  ): void {
    const all = events.filter((event) => event[key] === id).flatMap((event) => words[event.type] ?? []);
    // A node that is silent for a moment, as while its agent starts anew on a busy machine, is without consequence.
    const said = all.filter((word, at) => !isMoment(all, at) && !(word === "runs" && isMoment(all, at - 1)));
    if (said.length > 0) this.tell(`${name}: ${said.join(", ")}`);
  }
}

function isMoment(words: readonly string[], at: number): boolean {
  return words[at] === "unknown" && words[at + 1] === "runs";
}
