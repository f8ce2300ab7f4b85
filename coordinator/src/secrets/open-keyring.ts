import { randomBytes } from "node:crypto";
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Keyring } from "./keyring.ts";
import { KEY_BYTES, MasterKey, parseMasterKey } from "./master-key.ts";
import { MasterKeyMismatchError, type MasterKeyRegister } from "./master-key-register.ts";

export type KeyringSettings = {
  readonly dataDir: string;
  /** As configured; null: the file in the data directory. */
  readonly secretKey: string | null;
  /** Further keys that open what they have sealed. */
  readonly otherSecretKeys: readonly string[];
};

export type OpenedKeyring = {
  readonly keyring: Keyring;
  /** Where the primary key is; set at the start that made it. */
  readonly madeFile: string | null;
  /** Keys of containers that were sealed by another master key before. */
  readonly rewrapped: number;
};

/**
 * The master keys of this coordinator, agreed on with the others of its database. Without a configured one it is the file secret-key
 * in the data directory (0600), which the first start makes as long as the database knows no other. Rejects, saying what to do, when
 * a key is missing or is not the database's; then nothing is changed.
 */
export async function openKeyring(
  { dataDir, secretKey, otherSecretKeys }: KeyringSettings,
  register: MasterKeyRegister,
  nowMs: number,
): Promise<OpenedKeyring> {
  const file = join(dataDir, "secret-key");
  const source = secretKey === null ? file : "the setting secretKey";
  let primary = secretKey === null ? readKeyFile(file) : parseMasterKey(secretKey);
  let madeFile: string | null = null;
  if (primary === null) {
    const agreed = await register.current();
    if (agreed !== null) throw new Error(missingKey(agreed, file));
    primary = makeKeyFile(dataDir, file);
    madeFile = file;
  }
  const keyring = new Keyring(
    primary,
    otherSecretKeys.flatMap((text) => parseMasterKey(text) ?? []),
  );
  try {
    return { keyring, madeFile, rewrapped: await register.agree(keyring, nowMs) };
  } catch (error) {
    if (!(error instanceof MasterKeyMismatchError)) throw error;
    throw new Error(wrongKey(error.missing, primary.id, source), { cause: error });
  }
}

const FROM_ELSEWHERE =
  "take it from a coordinator that has it (secret-key in its data directory, or what its LORMAS_SECRET_KEY or LORMAS_SECRET_KEY_FILE says)";

function missingKey(agreed: string, file: string): string {
  return (
    `This database's secrets are sealed by the master key ${agreed}, and this coordinator has no master key: ${file} does not exist. ` +
    `Every coordinator of a database needs the same key: ${FROM_ELSEWHERE}, and put it there (mode 0600) or into LORMAS_SECRET_KEY_FILE. ` +
    "docs/secrets.md says what to do when it is lost."
  );
}

function wrongKey(missing: readonly string[], had: string, source: string): string {
  return (
    `This database's secrets are sealed by the master key ${missing.join(" and ")}; ${source} holds ${had}. ` +
    `Every coordinator of a database needs the same key: ${FROM_ELSEWHERE}. ` +
    "To change from one key to another, give the old one as LORMAS_OTHER_SECRET_KEYS beside the new one (docs/secrets.md)."
  );
}

function readKeyFile(file: string): MasterKey | null {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw thrown;
  }
  const key = parseMasterKey(text);
  if (key !== null) return key;
  throw new Error(
    `${file} holds no master key (32 bytes in base64, or 64 hexadecimal digits): put back what was there, from a backup`,
  );
}

/** Whole or not at all, and never over another's. */
function makeKeyFile(dataDir: string, file: string): MasterKey {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const draft = `${file}.${process.pid}.new`;
  writeFileSync(draft, `${new MasterKey(randomBytes(KEY_BYTES)).text}\n`, { mode: 0o600, flush: true });
  try {
    linkSync(draft, file);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== "EEXIST") throw thrown;
  } finally {
    rmSync(draft, { force: true });
  }
  const made = readKeyFile(file);
  if (made === null) throw new Error(`${file} vanished while it was made; start again`);
  return made;
}
