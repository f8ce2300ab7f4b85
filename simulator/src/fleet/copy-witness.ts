import type { ContainerCopy } from "../host/container-copy.ts";

/** Sees every copy of every container, as nobody in the fleet can, and tells when an HA container runs twice. */
export class CopyWitness {
  readonly #executing = new Map<string, Set<ContainerCopy>>();
  readonly #onTwice: (text: string) => void;

  constructor(onTwice: (text: string) => void) {
    this.#onTwice = onTwice;
  }

  /** A copy has begun, or ended, to carry out instructions. */
  see(copy: ContainerCopy): void {
    const { containerId } = copy;
    const copies = this.#executing.get(containerId);
    if (!copy.executing) {
      copies?.delete(copy);
      return;
    }
    if (!copies) {
      this.#executing.set(containerId, new Set([copy]));
      return;
    }
    copies.add(copy);
    if (!copy.ha || copies.size < 2) return;
    const where = [...copies].map(({ host, epoch }) => `${host} (epoch ${epoch})`).join(" and ");
    this.#onTwice(`container ${copy.spec.containerName} runs twice: on ${where}`);
  }

  /** Hosts on which a container runs now. */
  runningOn(containerId: string): ContainerCopy[] {
    return [...(this.#executing.get(containerId) ?? [])];
  }
}
