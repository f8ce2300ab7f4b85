import { DOCKER_HUB, registryOf } from "@lormas/wire/image-reference.ts";
import type Docker from "dockerode";
import { type PullOrder, type RegistryLogin, RuntimeFault } from "../container-runtime.ts";
import { engineStatus } from "./docker-fault.ts";

const CALL_MS = 10_000;
const PULL_MS = 900_000;
/** What engines call Docker Hub where somebody signs in. */
const DOCKER_HUB_ADDRESS = "https://index.docker.io/v1/";

export type DockerPullParts = {
  readonly docker: Docker;
  readonly call: <T>(what: string, withinMs: number, act: () => Promise<T>) => Promise<T>;
};

/**
 * Has an image on the engine: pulls it where it is not there, as who the order says at its registry. An engine ends a pull when the
 * connection that has asked for it is cut; the layers that it has stay.
 */
export async function pullIfAbsent(
  image: string,
  order: PullOrder | undefined,
  cut: AbortSignal | undefined,
  { docker, call }: DockerPullParts,
): Promise<void> {
  try {
    await call(`image ${image}`, CALL_MS, () => docker.getImage(image).inspect());
    return;
  } catch (error) {
    if (!(error instanceof RuntimeFault) || engineStatus(error.cause) !== 404) throw error;
  }
  const registry = registryOf(image);
  const login = order?.logins.find(({ server }) => server === registry);
  try {
    await call(`image ${image}`, PULL_MS, async () => {
      const options = { ...(cut ? { abortSignal: cut } : {}), ...(login ? { authconfig: authOf(login) } : {}) };
      const progress = await docker.pull(image, options);
      await new Promise<void>((resolve, reject) =>
        docker.modem.followProgress(progress, (error) => (error ? reject(error) : resolve())),
      );
    });
  } catch (error) {
    const reason = withoutPassword(error instanceof Error ? error.message : String(error), login);
    throw new RuntimeFault(
      "image_unavailable",
      `image ${image} is not on this node and could not be pulled: ${reason}; ${nextStep(reason, registry, login)}`,
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

function nextStep(reason: string, registry: string, login: RegistryLogin | undefined): string {
  const asksWho = /unauthorized|authentication required|access denied|denied:|no basic auth|incorrect username/i;
  if (asksWho.test(reason)) {
    return login
      ? `it was asked for as ${login.username}: look whether ${registry} takes that login: lormas registry test ${registry}`
      : `it was asked for without a login: set one where it needs one: lormas registry add ${registry} --username NAME`;
  }
  return "check its name and that the node reaches its registry, or load it on the node with docker load";
}
