import { parseArgs } from "node:util";
import { commitSeed } from "@lormas/chance/commit-seed.ts";
import { FAULT_KINDS, type FaultKind, LASTING_KINDS } from "../faults/fault.ts";
import { SCENE_NAMES, type SceneName } from "../faults/scene.ts";
import type { StoryOptions } from "../story/run-story.ts";
import { STORY_POLICIES } from "../story/story-policies.ts";

export type SimulateOptions = Omit<StoryOptions, "seed" | "logged"> & {
  /** Seeds of a batch: so many, from the first on. One alone is replayed with its log. */
  readonly from: number;
  readonly seeds: number;
  readonly replay: boolean;
  readonly workers: number;
  /** Broken promises are told, not explained. */
  readonly brief: boolean;
};

export const USAGE = `npm run simulate -- [options]
  --seeds N        seeds of the batch (1000)
  --from S         the first of them (1); "commit" takes it from the hash of the present commit
  --seed S         replay this seed alone: its timeline and the hash of everything that happened
  --keep 0,3,7     with --seed: only these faults of its schedule
  --nodes N        nodes of a fleet (5); random: 1 to 6, by the seed
  --faults all|KIND,KIND   kinds of faults (all): ${FAULT_KINDS.join(", ")}
  --scenes NAME,NAME   only these scenes of faults, one after another: ${SCENE_NAMES.join(", ")}
  --lasting KIND,KIND  one of these befalls a node for good; without it, in some runs: ${LASTING_KINDS.join(", ")}
  --profile P      ${Object.keys(STORY_POLICIES).join(", ")} or random, by the seed (random)
  --workers N      processes (2)
  --brief          tell of what was broken, without looking for its shortest schedule`;

/** The command that plays one seed of a batch again: what it was drawn from is said, where that is not what the command has. */
export function replayCommand(batch: SimulateOptions, seed: number, keep: readonly number[] | null): string {
  const { nodes, profile, kinds, scenes, lasting } = batch;
  const listed = (name: string, values: readonly string[] | null): string =>
    values === null ? "" : ` --${name} "${values.join(",")}"`;
  return [
    `npm run simulate -- --seed ${seed} --nodes ${nodes} --profile ${profile}`,
    listed("faults", kinds.length === FAULT_KINDS.length ? null : kinds),
    listed("scenes", scenes),
    listed("lasting", lasting),
    keep === null ? "" : ` --keep ${keep.join(",")}`,
  ].join("");
}

const BOUNDS = { seeds: [1, 10_000_000], from: [0, 2_000_000_000], nodes: [1, 50], workers: [1, 64] } as const;

/** Reads the command line; what is wrong with it is said in words. */
export function simulateOptions(args: readonly string[]): SimulateOptions | { readonly problem: string } {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        seeds: { type: "string", default: "1000" },
        from: { type: "string", default: "1" },
        seed: { type: "string" },
        keep: { type: "string" },
        nodes: { type: "string", default: "5" },
        faults: { type: "string", default: "all" },
        scenes: { type: "string" },
        lasting: { type: "string" },
        profile: { type: "string", default: "random" },
        workers: { type: "string", default: "2" },
        brief: { type: "boolean", default: false },
      },
    });
    const replay = values.seed !== undefined;
    return {
      replay,
      from: values.from === "commit" && !replay ? commitSeed() : whole("from", values.seed ?? values.from),
      seeds: replay ? 1 : whole("seeds", values.seeds),
      nodes: values.nodes === "random" ? "random" : whole("nodes", values.nodes),
      workers: whole("workers", values.workers),
      brief: values.brief,
      kinds: kindsOf(values.faults),
      lasting: values.lasting === undefined ? null : kindsOf(values.lasting),
      scenes: values.scenes === undefined ? null : scenesOf(values.scenes),
      profile: profileOf(values.profile),
      keep: values.keep === undefined ? null : values.keep.split(",").filter(Boolean).map(Number),
    };
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}

function whole(name: keyof typeof BOUNDS, text: string): number {
  const value = Number(text);
  const [min, max] = BOUNDS[name];
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new Error(`--${name} is "${text}": give a whole number from ${min} to ${max}`);
}

function kindsOf(text: string): readonly FaultKind[] {
  if (text === "all") return FAULT_KINDS;
  return text.split(",").map((name) => {
    const kind = FAULT_KINDS.find((known) => known === name.trim());
    if (kind) return kind;
    throw new Error(`--faults names "${name}", which is none of: ${FAULT_KINDS.join(", ")}`);
  });
}

function scenesOf(text: string): readonly SceneName[] {
  return text.split(",").map((name) => {
    const scene = SCENE_NAMES.find((known) => known === name.trim());
    if (scene) return scene;
    throw new Error(`--scenes names "${name}", which is none of: ${SCENE_NAMES.join(", ")}`);
  });
}

function profileOf(text: string): SimulateOptions["profile"] {
  if (text === "random") return text;
  if (Object.hasOwn(STORY_POLICIES, text)) return text as keyof typeof STORY_POLICIES; // Just looked up.
  throw new Error(`--profile is "${text}": give ${Object.keys(STORY_POLICIES).join(", ")} or random`);
}
