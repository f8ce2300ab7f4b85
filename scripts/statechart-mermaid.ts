/** The part of an XState definition (`machine.root.definition`) that is drawn. */
export type StateDefinition = {
  readonly id: string;
  readonly key: string;
  readonly type: "atomic" | "compound" | "parallel" | "final" | "history";
  readonly description?: string | undefined;
  readonly initial?: { readonly target: readonly Target[] } | undefined;
  readonly states: { readonly [key: string]: StateDefinition };
  readonly transitions: readonly TransitionDefinition[];
};
/** A state by itself, or by "#id". */
type Target = string | { readonly id: string };
type TransitionDefinition = {
  readonly eventType: string;
  readonly guard?: unknown;
  readonly target?: readonly Target[] | undefined;
};

type Edge = { readonly from: string; readonly to: string; readonly labels: string[] };

/**
 * A Mermaid stateDiagram-v2 of a state and everything in it. Transitions between the same two states share an arrow.
 * Mermaid cannot draw an arrow between the insides of two different states: such an arrow goes to the outer state, and
 * its label says which inner state is meant. Transitions that stay where they are and change only data are left out.
 */
export function mermaidOf(root: StateDefinition): string {
  const paths = pathsOf(root);
  const edges = new Map<string, Map<string, Edge>>();
  for (const [from, path] of paths) {
    for (const transition of stateAt(path).transitions) {
      for (const target of transition.target ?? []) addEdge(edges, paths, from, idOf(target), transition);
    }
  }
  return ["stateDiagram-v2", ...body(root, edges, 1)].join("\n");
}

/** A table of every state with its events: what the picture leaves out is here. */
export function tableOf(root: StateDefinition): string {
  const rows = [...pathsOf(root)].flatMap(([, path]) => {
    const state = stateAt(path);
    const name = path
      .slice(1)
      .map(({ key }) => key)
      .join(".");
    return state.transitions.map((transition) => {
      const targets = (transition.target ?? []).map((target) => keyWithin(root, idOf(target))).join(", ");
      return `| ${name === "" ? "(anywhere)" : name} | ${transition.eventType} | ${guardName(transition.guard)} | ${targets || "(stays)"} |`;
    });
  });
  return ["| In | on | when | to |", "|---|---|---|---|", ...rows].join("\n");
}

function addEdge(
  edges: Map<string, Map<string, Edge>>,
  paths: ReadonlyMap<string, readonly StateDefinition[]>,
  from: string,
  target: string,
  transition: TransitionDefinition,
): void {
  const source = paths.get(from);
  const goal = paths.get(target);
  // A region is drawn alone: what leads out of it is in the table.
  if (source === undefined || goal === undefined) return;
  let common = 0;
  while (common < source.length - 1 && common < goal.length - 1 && source[common + 1] === goal[common + 1]) common += 1;
  const owner = stateAt(source.slice(0, common + 1));
  const tail = stateAt(source.slice(0, common + 2));
  const head = stateAt(goal.slice(0, common + 2));
  // From a state to itself or into its own inside, or from inside to the state around: drawn at that state.
  const guard = guardName(transition.guard);
  const detail = [
    source.length > common + 2 ? `from ${stateAt(source).key}` : "",
    goal.length > common + 2 ? `to ${stateAt(goal).key}` : "",
  ].filter((text) => text !== "");
  const label = `${transition.eventType}${guard === "" ? "" : ` [${guard}]`}${detail.length === 0 ? "" : ` (${detail.join(", ")})`}`;
  const place = tail === head && owner !== tail ? stateAt(source.slice(0, common + 1)) : owner;
  const inPlace = edges.get(place.id) ?? new Map<string, Edge>();
  edges.set(place.id, inPlace);
  const key = `${tail.id} ${head.id}`;
  const edge = inPlace.get(key) ?? { from: tail.id, to: head.id, labels: [] };
  inPlace.set(key, edge);
  if (!edge.labels.includes(label)) edge.labels.push(label);
}

function body(state: StateDefinition, edges: ReadonlyMap<string, ReadonlyMap<string, Edge>>, depth: number): string[] {
  const indent = "  ".repeat(depth);
  const children = Object.values(state.states);
  const lines: string[] = [];
  for (const [index, child] of children.entries()) {
    if (state.type === "parallel" && index > 0) lines.push(`${indent}--`);
    const inner = Object.keys(child.states).length > 0;
    lines.push(`${indent}state "${child.key}" as ${mermaidId(child.id)}${inner ? " {" : ""}`);
    if (inner) lines.push(...body(child, edges, depth + 1), `${indent}}`);
    if (child.type === "final") lines.push(`${indent}${mermaidId(child.id)} --> [*]`);
  }
  for (const target of state.type === "compound" ? (state.initial?.target ?? []) : []) {
    lines.push(`${indent}[*] --> ${mermaidId(idOf(target))}`);
  }
  for (const { from, to, labels } of edges.get(state.id)?.values() ?? []) {
    // Arrows whose end is the state that is being drawn have no place inside it.
    if (from === state.id || to === state.id) continue;
    lines.push(`${indent}${mermaidId(from)} --> ${mermaidId(to)} : ${labels.join("<br/>")}`);
  }
  return lines;
}

/** Every state below the root (and the root itself), id → the states from the root to it. */
function pathsOf(root: StateDefinition): Map<string, readonly StateDefinition[]> {
  const paths = new Map<string, readonly StateDefinition[]>();
  const visit = (path: readonly StateDefinition[]): void => {
    const state = stateAt(path);
    paths.set(state.id, path);
    for (const child of Object.values(state.states)) visit([...path, child]);
  };
  visit([root]);
  return paths;
}

function stateAt(path: readonly StateDefinition[]): StateDefinition {
  const state = path.at(-1);
  if (state === undefined) throw new Error("a path of states is never empty");
  return state;
}

const idOf = (target: Target): string => (typeof target === "string" ? target.replace(/^#/, "") : target.id);
/** A state's path inside the root, or its whole id when it is elsewhere. */
const keyWithin = (root: StateDefinition, id: string): string =>
  id.startsWith(`${root.id}.`) ? id.slice(root.id.length + 1) : id;
const mermaidId = (id: string): string => id.replace(/[^A-Za-z0-9]/g, "_");

/** A guard's name: of a named guard, of a guard with parameters, or of a function; "when it applies" of a nameless one. */
function guardName(guard: unknown): string {
  if (guard === undefined || guard === null) return "";
  if (typeof guard === "string") return guard;
  if (typeof guard === "object" && "type" in guard && typeof guard.type === "string") return guard.type;
  if (typeof guard === "function" && guard.name !== "" && guard.name !== "guard") return guard.name;
  return "when it applies";
}
