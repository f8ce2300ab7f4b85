import type { WrappedKey } from "../domain/sealed-text.ts";
import type { Clock } from "../runtime/clock.ts";
import { type Keyring, UnopenedSecretError } from "./keyring.ts";

/** A login as it is kept: the password is sealed under its own key. */
export type SealedRegistry = {
  /** "registry.example.org:5000"; Docker Hub is "docker.io". */
  readonly server: string;
  /** The cluster whose nodes it is for; empty: all that have none of their own. */
  readonly clusterId: string;
  readonly username: string;
  readonly sealed: string;
  readonly key: WrappedKey;
};

/** A login, open. It is made for the moment and never kept. */
export type RegistryLogin = { readonly server: string; readonly username: string; readonly password: string };

export type RegistryLoginsPorts = {
  readonly register: { all(): Promise<readonly SealedRegistry[]> };
  readonly keyring: Keyring;
  readonly clock: Clock;
  readonly log: {
    warn(fields: Readonly<Record<string, unknown>>, message: string): void;
  };
};

/** Between two readings: what is set on any coordinator holds on the one that leads after this. */
export const REGISTRIES_READ_MS = 2_000;

/** The name under which a login's password is sealed: it opens for no other server, nor for another cluster. */
const sealName = (server: string, clusterId: string, username: string): string =>
  `registry/${server}/${clusterId}/${username}`;

/** Seals a login under a new key of its own. */
export function sealRegistry(
  keyring: Keyring,
  { server, username, password }: RegistryLogin,
  clusterId: string,
): SealedRegistry {
  const secrets = keyring.newSecrets();
  const { sealed } = secrets.seal(sealName(server, clusterId, username), password);
  return { server, clusterId, username, sealed, key: secrets.key };
}

/** Opens a login. Throws UnopenedSecretError. */
export function openRegistry(
  keyring: Keyring,
  { server, clusterId, username, sealed, key }: SealedRegistry,
): RegistryLogin {
  const password = keyring.secrets(key).open(sealName(server, clusterId, username), { sealed });
  return { server, username, password };
}

/** The logins that are set, in memory and sealed, so that a command can be sent with those that it needs without a wait. */
export class RegistryLogins {
  readonly #ports: RegistryLoginsPorts;
  #logins: ReadonlyMap<string, SealedRegistry> = new Map();
  #stopped = false;
  #cancel: () => void = () => undefined;
  #reading: Promise<void> = Promise.resolve();
  #failing = false;

  constructor(ports: RegistryLoginsPorts) {
    this.#ports = ports;
  }

  /** Reads them, and again and again. Rejects when the first reading fails. */
  async start(): Promise<void> {
    await this.#read();
    this.#readLater();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel();
    await this.#reading;
  }

  /** Logins for those of the registries that have one, for a node of this cluster: the cluster's before the one for all. */
  loginsFor(clusterId: string, servers: readonly string[]): RegistryLogin[] {
    return [...new Set(servers)].flatMap((server) => {
      const login = this.#logins.get(keyOf(server, clusterId)) ?? this.#logins.get(keyOf(server, ""));
      return login ? this.#opened(login) : [];
    });
  }

  #opened(login: SealedRegistry): RegistryLogin[] {
    try {
      return [openRegistry(this.#ports.keyring, login)];
    } catch (error) {
      if (!(error instanceof UnopenedSecretError)) throw error;
      // The image may be on the node, or be had without a login: whether not, the pull will say.
      this.#ports.log.warn(
        { server: login.server, clusterId: login.clusterId, reason: error.message },
        "a registry's login does not open, so nodes are nobody there: give this coordinator the master key, or set the login anew",
      );
      return [];
    }
  }

  #readLater(): void {
    if (this.#stopped) return;
    this.#cancel = this.#ports.clock.schedule(REGISTRIES_READ_MS, () => {
      this.#reading = this.#read()
        .then(() => {
          this.#failing = false;
        })
        .catch((error: unknown) => {
          if (!this.#failing) {
            this.#ports.log.warn({ err: error }, "logins for registries could not be read; those known before hold");
          }
          this.#failing = true;
        })
        .finally(() => this.#readLater());
    });
  }

  async #read(): Promise<void> {
    const all = await this.#ports.register.all();
    this.#logins = new Map(all.map((login) => [keyOf(login.server, login.clusterId), login]));
  }
}

const keyOf = (server: string, clusterId: string): string => `${server} ${clusterId}`;
