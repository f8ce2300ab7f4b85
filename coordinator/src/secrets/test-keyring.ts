import { randomBytes } from "node:crypto";
import { Keyring } from "./keyring.ts";
import { KEY_BYTES, MasterKey } from "./master-key.ts";

/** A ring with one key of its own. For tests. */
export function testKeyring(): Keyring {
  return new Keyring(new MasterKey(randomBytes(KEY_BYTES)));
}
