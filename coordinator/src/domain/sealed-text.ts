/** A text that only its key opens. One line; the same value sealed twice differs. */
export type SealedText = { readonly sealed: string };

/** A text of which some are secret: those are sealed wherever they are kept, and plain only on their way to a container. */
export type MaybeSealed = string | SealedText;

/** The key of one container's secrets, itself sealed by a master key; without that it says nothing to anybody. */
export type WrappedKey = {
  readonly id: string;
  /** Which master key opens it; see secrets/master-key.ts. */
  readonly masterKeyId: string;
  readonly wrapped: string;
};

export function isSealed(text: MaybeSealed): text is SealedText {
  return typeof text !== "string";
}

/** Whether two texts are the same as they are kept. Of what was sealed apart that cannot be told: it counts as another. */
export function sameText(a: MaybeSealed | undefined, b: MaybeSealed | undefined): boolean {
  if (a === undefined || b === undefined || !isSealed(a) || !isSealed(b)) return a === b;
  return a.sealed === b.sealed;
}
