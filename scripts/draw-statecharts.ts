// Draws the coordinator's statecharts into docs/statecharts from the machines themselves. With --check nothing is
// written: it fails when a drawing is not what its machine is now.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { repositoryRoot } from "./bootstrap.mjs";
import { mermaidOf, type StateDefinition, tableOf } from "./statechart-mermaid.ts";

const DOMAIN = join(repositoryRoot, "coordinator/src/domain");
const DRAWINGS = join(repositoryRoot, "docs/statecharts");

/** Every exported machine of coordinator/src/domain, by the name of its drawing ("nodeMachine" → "node"). */
async function machines(): Promise<Map<string, StateDefinition>> {
  const found = new Map<string, StateDefinition>();
  const files = readdirSync(DOMAIN, { recursive: true }).map(String).sort();
  for (const file of files.filter((name) => name.endsWith("-machine.ts"))) {
    const module: Record<string, unknown> = await import(join(DOMAIN, file));
    for (const [name, value] of Object.entries(module)) {
      if (!name.endsWith("Machine") || !isMachine(value)) continue;
      const drawing = name.slice(0, -"Machine".length).replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
      found.set(drawing, withEventless(value.root));
    }
  }
  return found;
}

type StateNode = {
  readonly definition: StateDefinition;
  readonly always?: StateDefinition["transitions"] | undefined;
  readonly states: { readonly [key: string]: StateNode };
};

/** XState leaves transitions that need no event out of a definition; they are drawn as "at once". */
function withEventless({ definition, always = [], states }: StateNode): StateDefinition {
  const inner = Object.entries(states).map(([key, state]) => [key, withEventless(state)] as const);
  const eventless = always.map((transition) => ({ ...transition, eventType: "at once" }));
  return { ...definition, states: Object.fromEntries(inner), transitions: [...definition.transitions, ...eventless] };
}

function isMachine(value: unknown): value is { readonly root: StateNode } {
  return typeof value === "object" && value !== null && "root" in value && "transition" in value;
}

/** One page: a picture and a table for each region of a parallel machine, else for the whole. */
function page(name: string, root: StateDefinition): string {
  const regions = root.type === "parallel" ? Object.values(root.states) : [root];
  const parts = regions.flatMap((region) => [
    ...(regions.length > 1 ? [`## ${region.key}`, ""] : []),
    ...(region.description === undefined ? [] : [region.description, ""]),
    "```mermaid",
    mermaidOf(region),
    "```",
    "",
    tableOf(region),
    "",
  ]);
  return [
    `# Statechart: ${name}`,
    "",
    "Drawn from the machine itself by `node scripts/draw-statecharts.ts`; do not edit.",
    "",
    ...parts,
  ].join("\n");
}

const wanted = new Map([...(await machines())].map(([name, root]) => [`${name}.md`, page(name, root)]));
const present = existsSync(DRAWINGS) ? readdirSync(DRAWINGS) : [];
const stale = [
  ...[...wanted].filter(
    ([name, text]) => !present.includes(name) || readFileSync(join(DRAWINGS, name), "utf8") !== text,
  ),
].map(([name]) => name);
const leftOver = present.filter((name) => !wanted.has(name));
if (process.argv.includes("--check")) {
  for (const name of stale) console.error(`docs/statecharts/${name} is not what its machine is`);
  for (const name of leftOver) console.error(`docs/statecharts/${name} has no machine`);
  if (stale.length + leftOver.length > 0) {
    console.error("draw them anew: npm run gen");
    process.exitCode = 1;
  }
} else {
  mkdirSync(DRAWINGS, { recursive: true });
  for (const name of leftOver) rmSync(join(DRAWINGS, name));
  for (const name of stale) writeFileSync(join(DRAWINGS, name), wanted.get(name) ?? "");
  console.log(stale.length === 0 ? "docs/statecharts was fresh" : `drew ${stale.join(", ")}`);
}
