import { isSealed, type MaybeSealed, type WrappedKey } from "../domain/sealed-text.ts";
import type { WorkloadSpec } from "../domain/workload.ts";
import { type Keyring, UnopenedSecretError } from "./keyring.ts";
import { MASK, soundsSecret } from "./secret-name.ts";

/** What of a container may stand in what it prints. */
export type OutputSecrets = {
  readonly environment: Readonly<Record<string, MaybeSealed>>;
  readonly spec: Pick<WorkloadSpec, "env">;
  readonly secretKey: WrappedKey | null;
};

/** Shorter ones stand in texts by chance, and are too easily guessed to be worth their loss. */
export const SECRET_CHARS_MIN = 4;

/** Characters of secrets that are looked for in one text; where a container has more, nothing of the text is kept. */
export const SECRETS_CHARS_MAX = 131_072;

// Where an agent begins and ends a line of output that it quotes.
const QUOTED_LINES = /( \| |; look at |its last output: )/;

/**
 * A text in which an agent quotes what a container printed, with a mask in the place of every secret of it: of the value, of each
 * line of it, as a command line quotes it, and of what is left of it where the agent cut the line. Where a secret does not open,
 * nothing of the text is kept.
 */
export function maskOutput(keyring: Keyring, text: string, container: OutputSecrets): string {
  if (text === "") return text;
  try {
    const parts = printedParts(secretsOf(keyring, container));
    if (parts.reduce((sum, part) => sum + part.length, 0) > SECRETS_CHARS_MAX) {
      return withheld(`the container's secrets have more than ${SECRETS_CHARS_MAX} characters`);
    }
    const whole = parts.reduce((masked, part) => masked.replaceAll(part, MASK), text);
    const lines = whole.split(QUOTED_LINES);
    return lines.map((line) => parts.reduce(withoutCut, line)).join("");
  } catch (error) {
    if (error instanceof UnopenedSecretError) return withheld("the container's secrets do not open");
    throw error;
  }
}

/** What stands in the place of a text of which it cannot be told what in it is secret. */
export const withheld = (why: string): string => `what the agent said of it is not kept: ${why} (docs/secrets.md)`;

function secretsOf(keyring: Keyring, { environment, spec, secretKey }: OutputSecrets): string[] {
  const named = [...Object.entries(spec.env), ...Object.entries(environment)];
  // Rows from before secrets were sealed hold them plain until their next change.
  const secret = named.filter(([name, value]) => isSealed(value) || soundsSecret(name));
  if (!secret.some(([, value]) => isSealed(value))) return secret.map(([, value]) => String(value));
  if (secretKey === null) throw new UnopenedSecretError("the container's key is not there");
  const secrets = keyring.secrets(secretKey);
  return secret.map(([name, value]) => secrets.open(`env/${name}`, value));
}

/** In which forms secrets are printed; the longest first: one that is part of another must not break it up. */
function printedParts(values: readonly string[]): string[] {
  const lines = [...new Set(values)].flatMap((value) => [value, ...value.split(/[\r\n]+/)]);
  const forms = lines.flatMap((line) => [line, line.trim(), line.replaceAll("'", `'\\''`)]);
  const long = new Set(forms.filter((form) => form.length >= SECRET_CHARS_MIN));
  return [...long].sort((a, b) => b.length - a.length);
}

/** A line without the beginning of a secret that it ends with, and without the end of one that it begins with. */
function withoutCut(line: string, secret: string): string {
  let masked = line;
  if (line.includes(secret.slice(0, SECRET_CHARS_MIN))) {
    // Half a character, where it was cut in there, has become this one.
    const whole = line.endsWith("\uFFFD") ? line.slice(0, -1) : line;
    const cut = overlap(whole, secret);
    if (cut >= SECRET_CHARS_MIN) masked = whole.slice(0, whole.length - cut) + MASK;
  }
  if (!masked.includes(secret.slice(-SECRET_CHARS_MIN))) return masked;
  const cut = overlap(secret, masked);
  return cut >= SECRET_CHARS_MIN ? MASK + masked.slice(cut) : masked;
}

/** How many characters one text ends with that the other begins with, the most; in linear time (Knuth, Morris and Pratt). */
function overlap(one: string, other: string): number {
  const most = Math.min(one.length, other.length);
  // No secret has a NUL in it, nor has a text of an agent.
  const joined = `${other.slice(0, most)}\0${one.slice(one.length - most)}`;
  const borders = new Uint32Array(joined.length);
  let border = 0;
  for (let at = 1; at < joined.length; at++) {
    while (border > 0 && joined[at] !== joined[border]) border = borders[border - 1] ?? 0;
    if (joined[at] === joined[border]) border += 1;
    borders[at] = border;
  }
  return border;
}
