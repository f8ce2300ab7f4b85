// References of images, as Docker reads them. Pure.

/** Where images without a registry in their name come from. */
export const DOCKER_HUB = "docker.io";
const OLD_DOCKER_HUB = "index.docker.io";

/** An image's name without its tag and digest, and what of them it has. */
export type ImageReference = {
  /** As it is written: "registry.example.org:5000/team/app", "busybox". */
  readonly name: string;
  /** Empty where none is written; then it stands for "latest", unless there is a digest. */
  readonly tag: string;
  /** "sha256:…"; empty where none is written. */
  readonly digest: string;
};

/** What a reference is made of; of one that Docker would refuse something that it refuses, too. */
export function parseImage(image: string): ImageReference {
  const at = image.indexOf("@");
  const digest = at < 0 ? "" : image.slice(at + 1);
  const tagged = at < 0 ? image : image.slice(0, at);
  const colon = tagged.lastIndexOf(":");
  // Before the last slash it is the port of the registry.
  if (colon <= tagged.lastIndexOf("/")) return { name: tagged, tag: "", digest };
  return { name: tagged.slice(0, colon), tag: tagged.slice(colon + 1), digest };
}

/** The registry that an image comes from, in lower case: "registry.example.org:5000"; "docker.io" where none is written. */
export function registryOf(image: string): string {
  return splitName(parseImage(image).name).registry;
}

/** True of two names of one repository: "busybox" and "docker.io/library/busybox". */
export function sameRepository(one: string, other: string): boolean {
  return fullName(one) === fullName(other);
}

function fullName(name: string): string {
  const { registry, path } = splitName(name);
  return `${registry}/${registry === DOCKER_HUB && !path.includes("/") ? "library/" : ""}${path}`;
}

function splitName(name: string): { readonly registry: string; readonly path: string } {
  const slash = name.indexOf("/");
  const first = slash < 0 ? "" : name.slice(0, slash);
  const isHost = /[.:]/.test(first) || first === "localhost" || first !== first.toLowerCase();
  if (!isHost) return { registry: DOCKER_HUB, path: name };
  const host = first.toLowerCase();
  return { registry: host === OLD_DOCKER_HUB ? DOCKER_HUB : host, path: name.slice(slash + 1) };
}
