import { Refusal } from "../../domain/refusal.ts";
import { isSealed, type MaybeSealed, type WrappedKey } from "../../domain/sealed-text.ts";
import { type Keyring, UnopenedSecretError } from "../../secrets/keyring.ts";
import { MASK } from "../../secrets/secret-name.ts";

/** The two maps of a request in one. `field` is the plain one's name, "environment" or "set_environment". */
export type GivenEnvironment = { readonly all: Record<string, string>; readonly secret: ReadonlySet<string> };

/** Refuses a name that is in both, and the mask, which somebody has copied from an answer. */
export function givenEnvironment(
  plain: Readonly<Record<string, string>>,
  secret: Readonly<Record<string, string>>,
  fields: { readonly plain: string; readonly secret: string },
): GivenEnvironment {
  const both = Object.keys(secret).find((name) => Object.hasOwn(plain, name));
  if (both !== undefined) {
    const message = `${fields.secret}: ${both} is in ${fields.plain} as well.`;
    throw new Refusal("invalid_argument", message, "Name it once.", { field: fields.secret });
  }
  for (const [field, values] of [
    [fields.plain, plain],
    [fields.secret, secret],
  ] as const) {
    const masked = Object.keys(values).find((name) => values[name] === MASK);
    if (masked === undefined) continue;
    const message = `${field}.${masked}: ${MASK} stands for a secret that is not shown; it is no value.`;
    throw new Refusal("invalid_argument", message, "Leave it out to keep what it is.", { field: `${field}.${masked}` });
  }
  return { all: { ...plain, ...secret }, secret: new Set(Object.keys(secret)) };
}

/**
 * An environment as it was given, every secret open; only the names that are asked for. Refuses when one cannot be opened: its master
 * key is lost, and only somebody who knows the value can go on.
 */
export function openEnvironment(
  keyring: Keyring,
  environment: Readonly<Record<string, MaybeSealed>>,
  secretKey: WrappedKey | null,
  wanted: (name: string) => boolean,
): Record<string, string> {
  const names = Object.keys(environment).filter(wanted);
  return Object.fromEntries(names.map((name) => [name, opened(keyring, name, environment[name] ?? "", secretKey)]));
}

function opened(keyring: Keyring, name: string, value: MaybeSealed, secretKey: WrappedKey | null): string {
  if (!isSealed(value)) return value;
  try {
    if (secretKey === null) throw new UnopenedSecretError("the container's key is not there");
    return keyring.secrets(secretKey).open(`env/${name}`, value);
  } catch (error) {
    if (!(error instanceof UnopenedSecretError)) throw error;
    throw new Refusal(
      "invalid_argument",
      `The secret ${name} of the container does not open: ${error.message}.`,
      `Set it anew (--secret-env ${name}=VALUE) or take it away (--unset ${name}) in the same change.`,
      { field: "set_secret_environment" },
    );
  }
}
