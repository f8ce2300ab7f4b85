import { DOCKER_HUB, parseImage, registryOf, sameRepository } from "@lormas/wire/image-reference.ts";
import type Docker from "dockerode";
import { type FoundImage, type PullOrder, type RegistryLogin, RuntimeFault } from "../container-runtime.ts";
import { engineStatus } from "./docker-fault.ts";

const CALL_MS = 10_000;
const PULL_MS = 900_000;
/** What engines call Docker Hub where somebody signs in. */
const DOCKER_HUB_ADDRESS = "https://index.docker.io/v1/";
/** Of what a registry said, what is told beside an image that is used all the same. */
const NOTE_CHARS = 600;

export type DockerPullParts = {
  readonly docker: Docker;
  readonly call: <T>(what: string, withinMs: number, act: () => Promise<T>) => Promise<T>;
};

/** Has an image on the engine: pulls it where it is not there, as who the order says at its registry. */
export async function pullIfAbsent(
  image: string,
  order: PullOrder | undefined,
  cut: AbortSignal | undefined,
  parts: DockerPullParts,
): Promise<void> {
  if ((await inspected(image, parts)) === null) await pull(image, order, cut, parts);
}

/**
 * Has a specification's image on the engine, and tells the order what it is: it is pulled where it is not there, and where the order
 * wants its registry asked; then, if it cannot be pulled, what is there does.
 */
export async function haveImage(
  image: string,
  order: PullOrder | undefined,
  cut: AbortSignal | undefined,
  parts: DockerPullParts,
): Promise<void> {
  const before = await inspected(image, parts);
  let unasked = "";
  if (before === null || order?.askRegistry === true) {
    try {
      await pull(image, order, cut, parts);
    } catch (error) {
      if (before === null || cut?.aborted || !(error instanceof RuntimeFault)) throw error;
      unasked = `its registry could not be asked: ${error.message}`.slice(0, NOTE_CHARS);
    }
  }
  const found = foundImage(image, (await inspected(image, parts)) ?? before);
  order?.found?.({ ...found, note: [found.note, unasked].filter((note) => note !== "").join("; ") });
}

/** What an image's name stands for here: the digest of it that its own repository has, where it came from there. */
function foundImage(image: string, here: Docker.ImageInspectInfo | null): FoundImage {
  const { name, digest } = parseImage(image);
  if (digest !== "") return { digest, note: "" };
  // An image that never passed a registry has none, and the engine's own id means nothing to another engine's registry.
  const digests = (here?.RepoDigests ?? []).map(parseImage);
  const own = digests.find((one) => sameRepository(one.name, name));
  if (own) return { digest: own.digest, note: "" };
  return { digest: "", note: "not pinned: it was loaded or built on its node, so no registry has a digest of it" };
}

async function inspected(image: string, { docker, call }: DockerPullParts): Promise<Docker.ImageInspectInfo | null> {
  try {
    return await call(`image ${image}`, CALL_MS, () => docker.getImage(image).inspect());
  } catch (error) {
    if (error instanceof RuntimeFault && engineStatus(error.cause) === 404) return null;
    throw error;
  }
}

// An engine ends a pull when the connection that has asked for it is cut; the layers that it has stay.
async function pull(
  image: string,
  order: PullOrder | undefined,
  cut: AbortSignal | undefined,
  { docker, call }: DockerPullParts,
): Promise<void> {
  const registry = registryOf(image);
  const login = order?.logins.find(({ server }) => server === registry);
  try {
    await call(`image ${image}`, PULL_MS, async () => {
      const options = { ...(cut ? { abortSignal: cut } : {}), ...(login ? { authconfig: authOf(login) } : {}) };
      // An engine takes a name without a tag for all tags of it.
      const { name, tag, digest } = parseImage(image);
      const named = tag === "" && digest === "" ? `${name}:latest` : image;
      const progress = await docker.pull(named, options);
      await new Promise<void>((resolve, reject) =>
        docker.modem.followProgress(progress, (error) => (error ? reject(error) : resolve())),
      );
    });
  } catch (error) {
    const reason = withoutPassword(error instanceof Error ? error.message : String(error), login);
    throw new RuntimeFault(
      "image_unavailable",
      `image ${image} could not be pulled: ${reason}; ${nextStep(image, reason, login)}`,
    );
  }
}

function authOf({ server, username, password }: RegistryLogin): {
  username: string;
  password: string;
  serveraddress: string;
} {
  return { username, password, serveraddress: server === DOCKER_HUB ? DOCKER_HUB_ADDRESS : server };
}

/** No registry should repeat what it was given; what one says is stored, and shown to many. */
function withoutPassword(reason: string, login: RegistryLogin | undefined): string {
  return login ? reason.replaceAll(login.password, "***") : reason;
}

const ASKS_WHO = /unauthorized|authentication required|access denied|denied:|no basic auth|incorrect username/i;
const HAS_NOT = /manifest unknown|manifest for .* not found|not found: manifest|: not found/i;

function nextStep(image: string, reason: string, login: RegistryLogin | undefined): string {
  const registry = registryOf(image);
  if (ASKS_WHO.test(reason)) {
    return login
      ? `it was asked for as ${login.username}: look whether ${registry} takes that login: lormas registry test ${registry}`
      : `it was asked for without a login: set one where it needs one: lormas registry add ${registry} --username NAME`;
  }
  if (parseImage(image).digest !== "" && HAS_NOT.test(reason)) {
    return (
      `${registry} has that digest no more: push it there again, or let the container take what its image's name stands for now ` +
      "(lormas container update CONTAINER --pull, and start it)"
    );
  }
  return "check its name and that the node reaches its registry, or load it on the node with docker load";
}
