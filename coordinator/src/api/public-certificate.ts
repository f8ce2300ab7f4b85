import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createSecureContext } from "node:tls";
import type { Logger } from "pino";
import type { IssuedServerCertificate } from "../agents/pki/certificate-authority.ts";
import type { FleetAuthorities } from "../agents/pki/fleet-authorities.ts";
import type { Clock } from "../runtime/clock.ts";

/** How often certificate files are looked at for a change, milliseconds. */
export const FILES_LOOK_MS = 5_000;
/** How often our own certificate's age is looked at, milliseconds. */
export const AGE_LOOK_MS = 3_600_000;
/** Bytes of one certificate or key file. */
const FILE_BYTES_MAX = 1 << 20;

/** A certificate chain with its key, PEM. */
export type KeyPair = { readonly cert: string; readonly key: string };

/** Where the public plane's certificate comes from. */
export interface PublicCertificate {
  /** The one to begin with. Rejects with what is wrong and what to do. */
  open(): Promise<KeyPair>;
  /** Tells of every later one, until the returned function is called. */
  follow(use: (pair: KeyPair) => void): () => void;
}

/**
 * A certificate from files, looked at every 5 s: a pair that changed and fits is used for new connections. One that does
 * not fit, or cannot be read (it is being replaced, perhaps), is logged once, and the one before goes on.
 */
export class CertificateFiles implements PublicCertificate {
  readonly #paths: { readonly certFile: string; readonly keyFile: string };
  readonly #clock: Clock;
  readonly #log: Logger;
  #used = "";

  constructor(paths: { readonly certFile: string; readonly keyFile: string }, clock: Clock, log: Logger) {
    this.#paths = paths;
    this.#clock = clock;
    this.#log = log;
  }

  async open(): Promise<KeyPair> {
    const { certFile, keyFile } = this.#paths;
    try {
      const pair = await this.#read();
      this.#used = pair.cert + pair.key;
      return pair;
    } catch (error) {
      throw new Error(
        `the public plane cannot use the certificate ${certFile} with the key ${keyFile} (${said(error)}): give a PEM ` +
          "chain and its unencrypted key with LORMAS_PUBLIC_TLS_CERT_FILE and LORMAS_PUBLIC_TLS_KEY_FILE",
        { cause: error },
      );
    }
  }

  follow(use: (pair: KeyPair) => void): () => void {
    let over = false;
    let complained = "";
    const look = async (): Promise<void> => {
      try {
        const pair = await this.#read();
        complained = "";
        if (over || pair.cert + pair.key === this.#used) return;
        use(pair);
        this.#used = pair.cert + pair.key;
        const { validTo, fingerprint256 } = new X509Certificate(pair.cert);
        this.#log.info(
          { file: this.#paths.certFile, validTo, fingerprint256 },
          "the public plane has a new certificate",
        );
      } catch (error) {
        const reason = said(error);
        if (reason !== complained) this.#log.error({ ...this.#paths, reason }, "the new certificate is not used");
        complained = reason;
      }
    };
    const again = (): (() => void) =>
      this.#clock.schedule(FILES_LOOK_MS, () => {
        void look().finally(() => {
          if (!over) cancel = again();
        });
      });
    let cancel = again();
    return () => {
      over = true;
      cancel();
    };
  }

  async #read(): Promise<KeyPair> {
    const [cert, key] = await Promise.all([readBounded(this.#paths.certFile), readBounded(this.#paths.keyFile)]);
    return checked({ cert, key });
  }
}

/** Who issues it, and tells when another one does. */
export type OwnAuthority = Pick<FleetAuthorities, "issueServer"> & Partial<Pick<FleetAuthorities, "onChange">>;

/**
 * A certificate of the fleet's own authority, for the given hosts and this machine itself. A new one is made when half of
 * its life is over, and when another authority takes over.
 */
export class OwnCertificate implements PublicCertificate {
  readonly #authority: OwnAuthority;
  readonly #hosts: readonly string[];
  readonly #clock: Clock;
  readonly #log: Logger;
  #renewAtMs = 0;

  constructor(authority: OwnAuthority, hosts: readonly string[], clock: Clock, log: Logger) {
    this.#authority = authority;
    this.#hosts = hosts;
    this.#clock = clock;
    this.#log = log;
  }

  async open(): Promise<KeyPair> {
    return this.#kept(await this.#authority.issueServer(this.#hosts));
  }

  follow(use: (pair: KeyPair) => void): () => void {
    let over = false;
    const renew = async (): Promise<void> => {
      const issued = await this.#authority.issueServer(this.#hosts);
      if (!over) use(this.#kept(issued));
    };
    const failed = (error: unknown): void =>
      this.#log.error({ err: error }, "the public plane's certificate was not renewed");
    const unfollow = this.#authority.onChange?.(() => void renew().catch(failed));
    const look = async (): Promise<void> => {
      if (this.#clock.wallMs() >= this.#renewAtMs) await renew();
    };
    const again = (): (() => void) =>
      this.#clock.schedule(AGE_LOOK_MS, () => {
        void look()
          .catch(failed)
          .finally(() => {
            if (!over) cancel = again();
          });
      });
    let cancel = again();
    return () => {
      over = true;
      unfollow?.();
      cancel();
    };
  }

  #kept({ chainPem, keyPem, notAfterMs }: IssuedServerCertificate): KeyPair {
    const nowMs = this.#clock.wallMs();
    this.#renewAtMs = nowMs + (notAfterMs - nowMs) / 2;
    return checked({ cert: chainPem, key: keyPem });
  }
}

/** The pair itself; throws when it is none, or the key is another certificate's. */
function checked(pair: KeyPair): KeyPair {
  if (!new X509Certificate(pair.cert).checkPrivateKey(createPrivateKey(pair.key))) {
    throw new Error("the key belongs to another certificate");
  }
  createSecureContext(pair);
  return pair;
}

async function readBounded(path: string): Promise<string> {
  const text = await readFile(path, "utf8");
  if (text.length <= FILE_BYTES_MAX) return text;
  throw new Error(`${path} is larger than ${FILE_BYTES_MAX} bytes`);
}

const said = (error: unknown): string => (error instanceof Error ? error.message : String(error));
