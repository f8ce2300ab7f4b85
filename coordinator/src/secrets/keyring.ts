import { randomBytes } from "node:crypto";
import { isSealed, type MaybeSealed, type SealedText, type WrappedKey } from "../domain/sealed-text.ts";
import type { PlainWorkloadSpec, WorkloadSpec } from "../domain/workload.ts";
import { deterministicId } from "../runtime/deterministic-id.ts";
import { KEY_BYTES, type MasterKey } from "./master-key.ts";
import { openBytes, sealBytes } from "./secret-box.ts";

/** What is sealed by a master key that this coordinator does not have, or does not open with the one that it names. */
export class UnopenedSecretError extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "UnopenedSecretError";
  }
}

/** The secrets of one container: its key, open. */
export type ContainerSecrets = {
  /** The key as it is stored. */
  readonly key: WrappedKey;
  /** `name`: which text it is, such as "env/PASSWORD"; it opens under no other. */
  seal(name: string, text: string): SealedText;
  /** What is not sealed stays as it is. Throws UnopenedSecretError. */
  open(name: string, text: MaybeSealed): string;
};

/** The master keys of a coordinator: one that seals, and others that open what they have sealed before. */
export class Keyring {
  readonly primary: MasterKey;
  readonly #keys: ReadonlyMap<string, MasterKey>;

  constructor(primary: MasterKey, others: readonly MasterKey[] = []) {
    this.primary = primary;
    this.#keys = new Map([...others, primary].map((key) => [key.id, key]));
  }

  has(masterKeyId: string): boolean {
    return this.#keys.has(masterKeyId);
  }

  /** A new key for a container that has none. */
  newSecrets(): ContainerSecrets {
    const id = deterministicId("key of a container", randomBytes(KEY_BYTES).toString("hex"));
    const bytes = randomBytes(KEY_BYTES);
    return containerSecrets(this.#wrap(id, bytes), bytes);
  }

  /** The secrets of a container with this key. Throws UnopenedSecretError. */
  secrets(key: WrappedKey): ContainerSecrets {
    return containerSecrets(key, this.#unwrap(key));
  }

  /** Seals the private key of one of the fleet's authorities, of whatever length, under an id of its own. */
  sealKey(bytes: Buffer): WrappedKey {
    return this.#wrap(deterministicId("key of an authority", randomBytes(KEY_BYTES).toString("hex")), bytes);
  }

  /** What sealKey has sealed. Throws UnopenedSecretError. */
  openKey(key: WrappedKey): Buffer {
    return this.#unwrap(key);
  }

  /** The same key, sealed by the primary master key. Throws UnopenedSecretError. */
  rewrapped(key: WrappedKey): WrappedKey {
    return this.#wrap(key.id, this.#unwrap(key));
  }

  /** A workload as its container gets it; `key` is that container's, null where it has no secrets. Throws UnopenedSecretError. */
  openWorkload(spec: WorkloadSpec, key: WrappedKey | null): PlainWorkloadSpec {
    const secrets = key === null ? null : this.secrets(key);
    const open = (name: string, text: MaybeSealed): string => {
      if (!isSealed(text)) return text;
      if (secrets === null) throw new UnopenedSecretError(`${name} is sealed, and the container's key is not there`);
      return secrets.open(name, text);
    };
    const all = (kind: string, texts: Readonly<Record<string, MaybeSealed>>) =>
      Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, open(`${kind}/${name}`, text)]));
    return { ...spec, startup: all("startup", spec.startup), env: all("env", spec.env) };
  }

  #wrap(id: string, bytes: Buffer): WrappedKey {
    return { id, masterKeyId: this.primary.id, wrapped: sealBytes(this.primary.bytes, bytes, `key/${id}`) };
  }

  #unwrap({ id, masterKeyId, wrapped }: WrappedKey): Buffer {
    const master = this.#keys.get(masterKeyId);
    if (!master) {
      throw new UnopenedSecretError(
        `it is sealed by the master key ${masterKeyId}, which this coordinator does not have (it has ${[...this.#keys.keys()].join(", ")})`,
      );
    }
    try {
      return openBytes(master.bytes, wrapped, `key/${id}`);
    } catch (cause) {
      throw new UnopenedSecretError(`key ${id} does not open with the master key ${masterKeyId}: it was changed`, {
        cause,
      });
    }
  }
}

function containerSecrets(key: WrappedKey, bytes: Buffer): ContainerSecrets {
  return {
    key,
    seal: (name, text) => ({ sealed: sealBytes(bytes, Buffer.from(text), `${key.id}/${name}`) }),
    open(name, text) {
      if (!isSealed(text)) return text;
      try {
        return openBytes(bytes, text.sealed, `${key.id}/${name}`).toString();
      } catch (cause) {
        throw new UnopenedSecretError(`${name} does not open with key ${key.id}: it was changed`, { cause });
      }
    },
  };
}
