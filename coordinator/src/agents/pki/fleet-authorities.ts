import { createPrivateKey, X509Certificate } from "node:crypto";
import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import { readAuthorities } from "@lormas/wire/authority-list.ts";
import type { Rotation } from "../../domain/authority/rotation.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { Keyring } from "../../secrets/keyring.ts";
import type { RandomSource } from "../random-source.ts";
import { RpcStatus } from "../rpc-status.ts";
import { putAlways, readIfPresent } from "./authority-files.ts";
import type {
  AuthorityRegister,
  FirstAuthority,
  RetiredAuthority,
  StoredAuthorities,
  StoredAuthority,
} from "./authority-register.ts";
import { CertificateAuthority, type IssuedServerCertificate } from "./certificate-authority.ts";

const CERTIFICATE_FILE = "ca-certificate.pem";
const KEY_FILE = "ca-key.pem";
/** Authorities whose certificates on connections that are open already this process goes on to believe in. */
const EVER_MAX = 16;

export type FleetAuthoritiesParts = {
  readonly dataDir: string;
  /** Null: the authority in the data directory is all there is. */
  readonly register: AuthorityRegister | null;
  readonly keyring: Keyring;
  readonly clock: Clock;
  readonly random: RandomSource;
};

/** An authority of the past, for whoever still shows a certificate of it. */
type Retired = { readonly certificate: X509Certificate; readonly retiredAtMs: number };

/**
 * The authorities that this coordinator serves by: the one that vouches for the fleet, and while it is replaced the next one as well.
 * The database says which; the folder pki of the data directory holds a copy of the present one, with the certificates of all that are
 * trusted behind it.
 */
export class FleetAuthorities {
  readonly #parts: FleetAuthoritiesParts;
  readonly #known = new Map<string, CertificateAuthority>();
  readonly #listeners = new Set<() => void>();
  #rotation: Rotation;
  #trusted: readonly CertificateAuthority[];
  #retired: readonly Retired[] = [];
  #ever: readonly X509Certificate[];

  private constructor(parts: FleetAuthoritiesParts, rotation: Rotation, trusted: readonly CertificateAuthority[]) {
    this.#parts = parts;
    this.#rotation = rotation;
    this.#trusted = trusted;
    this.#ever = trusted.map(({ certificate }) => certificate);
    for (const authority of trusted) this.#known.set(authority.caDigestHex, authority);
  }

  /** Those of the database, where adoptAuthority has noted one. Rejects, saying what to do, when the data directory holds another fleet's. */
  static async open(parts: FleetAuthoritiesParts): Promise<FleetAuthorities> {
    const { dataDir, register, clock, random } = parts;
    if (register === null) {
      const own = await CertificateAuthority.open(dataDir, clock, random);
      return new FleetAuthorities(parts, alone(own), [own]);
    }
    const stored = await register.load();
    if (stored === null) throw new Error("the database knows no certificate authority yet: adopt one first");
    await refuseAnother(dataDir, stored);
    const authorities = await opened(parts, stored, new Map());
    const fleet = new FleetAuthorities(parts, stored.rotation, authorities);
    fleet.#retired = stored.retired.map(retiredOf);
    await fleet.#writeFiles();
    return fleet;
  }

  get rotation(): Rotation {
    return this.#rotation;
  }

  /** Who vouches for this coordinator, and for nodes that enrol: join tokens carry its digest. */
  get serving(): CertificateAuthority {
    const { phase, currentId, nextId } = this.#rotation;
    return this.#of(phase === "closing" && nextId !== null ? nextId : currentId);
  }

  /** Those whose certificates are taken on new connections, the serving one first. */
  get trusted(): readonly CertificateAuthority[] {
    const { serving } = this;
    return [serving, ...this.#trusted.filter((one) => one !== serving)];
  }

  /** Those whose certificates were ever taken since this process began: a connection that was let in stays what it is. */
  get ever(): readonly X509Certificate[] {
    return this.#ever;
  }

  /** Who signs for a node that trusts these (ids; none: the one that it enrolled under). Throws an RpcStatus. */
  signerFor(trusts: readonly string[]): CertificateAuthority {
    const { phase, currentId, nextId } = this.#rotation;
    if (trusts.length === 0) return this.#of(currentId);
    const later = phase === "issuing" || phase === "closing";
    const signer = [
      ...(later && nextId !== null ? [nextId] : []),
      currentId,
      ...(nextId === null ? [] : [nextId]),
    ].find((id) => trusts.includes(id));
    if (signer !== undefined) return this.#of(signer);
    const reason = "this node trusts none of the fleet's present authorities";
    throw new RpcStatus(status.FAILED_PRECONDITION, `${reason}: remove it (lormas node rm) and enrol it anew`);
  }

  /** A certificate for this coordinator itself. */
  issueServer(hosts: readonly string[]): Promise<IssuedServerCertificate> {
    return this.serving.issueServer(hosts);
  }

  /** When the authority of a certificate (DER) that is not taken any more was retired; null: it is none of this fleet. */
  retiredAt(der: Uint8Array): Date | null {
    const certificate = new X509Certificate(der);
    const found = this.#retired.find((one) => certificate.verify(one.certificate.publicKey));
    return found === undefined ? null : new Date(found.retiredAtMs);
  }

  /** Calls back when another authority serves, or others are trusted, until the returned function is called. */
  onChange(callback: () => void): () => void {
    this.#listeners.add(callback);
    return () => this.#listeners.delete(callback);
  }

  /** Takes up what the database says now. Rejects when it does not answer, and goes on as before. */
  async refresh(): Promise<void> {
    const stored = await (this.#parts.register?.load() ?? null);
    if (stored === null) return;
    if (stored.rotation.revision === this.#rotation.revision) {
      this.#rotation = stored.rotation;
      return;
    }
    const authorities = await opened(this.#parts, stored, this.#known);
    this.#rotation = stored.rotation;
    this.#trusted = authorities;
    this.#retired = stored.retired.map(retiredOf);
    const fresh = authorities.filter(({ caDigestHex }) => !this.#known.has(caDigestHex));
    this.#ever = [...fresh.map(({ certificate }) => certificate), ...this.#ever].slice(0, EVER_MAX);
    this.#known.clear();
    for (const authority of authorities) this.#known.set(authority.caDigestHex, authority);
    for (const listener of this.#listeners) listener();
    await this.#writeFiles();
  }

  #of(id: string): CertificateAuthority {
    const authority = this.#known.get(id);
    if (authority === undefined) throw new Error(`the authority ${id} is not open`);
    return authority;
  }

  /** The copy in the data directory: the key first, so that a certificate never stands there without it for long. */
  async #writeFiles(): Promise<void> {
    const { dataDir, random } = this.#parts;
    const folder = join(dataDir, "pki");
    const mark = Buffer.from(random.bytes(8)).toString("hex");
    const certificates = `${this.trusted.map(({ caPem }) => caPem.trim()).join("\n")}\n`;
    const present = await readIfPresent(join(folder, CERTIFICATE_FILE));
    if (present !== null && present.trim() === certificates.trim()) return;
    await putAlways(folder, KEY_FILE, this.serving.keyPem, mark);
    await putAlways(folder, CERTIFICATE_FILE, certificates, mark);
  }
}

/** The first coordinator of a database notes the authority of its data directory there, made anew where there is none. */
export async function adoptAuthority(
  parts: Omit<FleetAuthoritiesParts, "register"> & {
    readonly register: Pick<AuthorityRegister, "load"> & FirstAuthority;
  },
): Promise<void> {
  const { dataDir, register, keyring, clock, random } = parts;
  if ((await register.load()) !== null) return;
  const own = await CertificateAuthority.open(dataDir, clock, random);
  await register.adopt(sealed(own, keyring, clock.wallMs()));
}

/** An authority as coordinators share it. */
export function sealed(authority: CertificateAuthority, keyring: Keyring, nowMs: number): StoredAuthority {
  const der = createPrivateKey(authority.keyPem).export({ type: "pkcs8", format: "der" });
  const { caDigestHex: id, caPem: certificatePem } = authority;
  return { id, certificatePem, key: keyring.sealKey(der), createdAtMs: nowMs };
}

async function opened(
  { keyring, clock, random }: FleetAuthoritiesParts,
  { trusted }: StoredAuthorities,
  known: ReadonlyMap<string, CertificateAuthority>,
): Promise<CertificateAuthority[]> {
  return await Promise.all(
    trusted.map(({ id, certificatePem, key }) => {
      const der = (): Buffer => keyring.openKey(key);
      const keyPem = (): string =>
        createPrivateKey({ key: der(), format: "der", type: "pkcs8" }).export({
          type: "pkcs8",
          format: "pem",
        }) as string;
      return known.get(id) ?? CertificateAuthority.of({ caPem: certificatePem, keyPem: keyPem() }, clock, random);
    }),
  );
}

/** A data directory that was another fleet's would hand out certificates that nobody takes. */
async function refuseAnother(dataDir: string, { trusted, retired }: StoredAuthorities): Promise<void> {
  const path = join(dataDir, "pki", CERTIFICATE_FILE);
  const text = await readIfPresent(path);
  const [own] = text === null ? [] : readAuthorities(text);
  if (own === undefined) return;
  const ours = [...trusted, ...retired].map(({ certificatePem }) => new X509Certificate(certificatePem));
  if (ours.some(({ fingerprint256 }) => fingerprint256 === own.fingerprint256)) return;
  throw new Error(
    `${path} is the certificate of another authority than this database's: check that the data directory and the database belong ` +
      "together; if they do, move the folder pki away, and it is made anew from the database",
  );
}

function retiredOf({ certificatePem, retiredAtMs }: RetiredAuthority): Retired {
  return { certificate: new X509Certificate(certificatePem), retiredAtMs };
}

/** Where there is one authority, and nowhere to write down another. */
function alone({ caDigestHex }: CertificateAuthority): Rotation {
  const none = { nextId: null, startedAtMs: null, startedBy: "", leftBehind: [] };
  return { phase: "steady", currentId: caDigestHex, revision: 1, phaseSinceMs: 0, ...none };
}
