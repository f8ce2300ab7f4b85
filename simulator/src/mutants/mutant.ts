import type { StoryOptions } from "../story/run-story.ts";

/** One deliberate mistake: production code with a few lines replaced, which the simulator must notice. */
export type Mutant = {
  /** kebab-case, as docs/model lists it. */
  readonly name: string;
  /** The rule that it breaks, in one sentence. */
  readonly rule: string;
  readonly edits: readonly MutantEdit[];
  /** Where the rule matters only under some faults, or in some fleets: those in which it is looked for. Absent: in all. */
  readonly ground?: HuntGround;
};

/** Which stories are played to find a mutant. */
export type HuntGround = Partial<Pick<StoryOptions, "scenes" | "lasting" | "kinds" | "nodes" | "profile">>;

export type MutantEdit = {
  /** Path in the repository. */
  readonly file: string;
  /** Text that stands exactly once in that file. */
  readonly find: string;
  readonly replace: string;
};

/** The source with the edits made; throws when one does not fit any more, so that no mutant becomes harmless unnoticed. */
export function mutated(source: string, file: string, mutant: Mutant): string {
  return mutant.edits
    .filter((edit) => edit.file === file)
    .reduce((text, { find, replace }) => {
      const parts = text.split(find);
      if (parts.length !== 2) {
        throw new Error(
          `mutant ${mutant.name}: its text stands ${parts.length - 1} times in ${file}, not once: bring it up to date`,
        );
      }
      return parts.join(replace);
    }, source);
}
