import { parseImage } from "@lormas/wire/image-reference.ts";

// A name with a tag stands for one image today and for another tomorrow, and on each node for what that node has. A container's image is
// therefore pinned to the digest that its first start found, and every later start, wherever, is of that. Pure.

/** What an agent found an image to be; see the message FoundImage. */
export type FoundImage = { readonly digest: string; readonly note: string };

/** What is known of what a container's image stands for. */
export type ImagePin = {
  /** The image as its egg names it: of another one this says nothing. */
  readonly image: string;
  /** "sha256:…"; empty: not pinned. */
  readonly digest: string;
  /** For people: why it is not pinned, or why the registry could not be asked; may be empty. */
  readonly note: string;
  /** Somebody wants what the name stands for now: the next start asks the registry. */
  readonly renew?: boolean;
};

export type PinnedContainer = { readonly image: string; readonly pin: ImagePin | null };

/** How a start is ordered. `askRegistry`: even where the node has the image. */
export type ImageOrder = { readonly image: string; readonly askRegistry: boolean };

/** The digest that an image is to be run by; empty where there is none. */
export function pinnedDigest({ image, pin }: PinnedContainer): string {
  return parseImage(image).digest || (pin?.image === image ? pin.digest : "");
}

/**
 * The image to order. A migration never asks a registry for what the target has: a failover must not hang on it. `floating`: the
 * container's cluster wants what names stand for now, at every start.
 */
export function imageToOrder(
  container: PinnedContainer,
  { floating, moving }: { readonly floating: boolean; readonly moving: boolean },
): ImageOrder {
  const { image, pin } = container;
  const { name, digest } = parseImage(image);
  if (image === "" || digest !== "") return { image, askRegistry: false };
  const isRenewed = !moving && pin?.image === image && pin.renew === true;
  if (floating || isRenewed) return { image, askRegistry: !moving };
  const pinned = pinnedDigest(container);
  return { image: pinned === "" ? image : `${name}@${pinned}`, askRegistry: false };
}

/** What is known after an agent has answered an order; the very same pin where it tells nothing new. */
export function pinAfter(container: PinnedContainer, order: ImageOrder, found: FoundImage): ImagePin | null {
  const { image, pin } = container;
  // Ordered by the digest, or before the container got another image: that changes nothing.
  if (order.image !== image || parseImage(image).digest !== "") return pin;
  const known = pin?.image === image ? pin : null;
  // A move of before is told of after a wish for what the name stands for now: that wish stands.
  const renew = known?.renew === true && !order.askRegistry;
  if (known?.digest === found.digest && known.note === found.note && (known.renew ?? false) === renew) return pin;
  return { image, ...found, ...(renew ? { renew } : {}) };
}

/** What people are told beside the digest. */
export function pinNote(container: PinnedContainer, floating: boolean): string {
  const { image, pin } = container;
  if (image === "" || parseImage(image).digest !== "") return "";
  const known = pin?.image === image ? pin : null;
  const notes = [
    known === null ? "not pinned: it was not started since it has this image" : known.note,
    known?.renew ? "its next start asks the registry what its name stands for then" : "",
    floating ? "images float in its cluster: each start asks the registry" : "",
  ];
  return notes.filter((note) => note !== "").join("; ");
}
