import { isSealed, type MaybeSealed, type WrappedKey } from "../domain/sealed-text.ts";
import type { WorkloadSpec } from "../domain/workload.ts";
import type { EggDefinition } from "../eggs/egg-definition.ts";
import type { ResolvedWorkload } from "../eggs/resolve-workload.ts";
import { type ContainerSecrets, type Keyring, UnopenedSecretError } from "./keyring.ts";
import { MASK, soundsSecret } from "./secret-name.ts";

/** A workload as it is kept. `secretKey` is null where nothing of it is secret. */
export type SealedWorkload = {
  readonly environment: Readonly<Record<string, MaybeSealed>>;
  readonly spec: WorkloadSpec;
  readonly secretKey: WrappedKey | null;
};

export type WorkloadSecrets = {
  readonly keyring: Keyring;
  readonly egg: EggDefinition;
  /** The environment as it was asked for, plain. */
  readonly environment: Readonly<Record<string, string>>;
  /** Names that somebody says are secret. */
  readonly marked: ReadonlySet<string>;
  /**
   * Names whose values were just given. A secret among them is always sealed anew: what became of it must not hang on whether it is
   * what it was, or giving one would tell a guess that is right from one that is wrong.
   */
  readonly given: ReadonlySet<string>;
  /** The container as it was; null for a new one. */
  readonly before: Pick<SealedWorkload, "environment" | "secretKey"> | null;
};

/**
 * Seals what is secret of a workload: the values of secret variables, and the command lines that such a value stands in. A variable
 * is secret that was one before, that somebody marks, that its egg does not show, or whose name says so; an empty value is none.
 * What was not given and has not changed stays sealed as it was.
 */
export function sealWorkload(
  { spec, startupNames }: Extract<ResolvedWorkload, { ok: true }>,
  { keyring, egg, environment, marked, given, before }: WorkloadSecrets,
): SealedWorkload {
  const hidden = new Set(egg.variables.filter(({ userViewable }) => userViewable === false).map(({ name }) => name));
  const wasSecret = (name: string): boolean => isSealed(before?.environment[name] ?? "");
  const isSecret = (name: string): boolean =>
    (spec.env[name] ?? environment[name] ?? "") !== "" &&
    (marked.has(name) || hidden.has(name) || soundsSecret(name) || wasSecret(name));
  const secret = new Set([...Object.keys(spec.env), ...Object.keys(environment)].filter(isSecret));
  if (secret.size === 0) return { environment, spec, secretKey: before?.secretKey ?? null };
  const secrets = before?.secretKey ? keyring.secrets(before.secretKey) : keyring.newSecrets();
  const sealed = new Map(
    [...secret].map((name) => {
      const was = given.has(name) ? undefined : before?.environment[name];
      return [name, sealedValue(secrets, name, spec.env[name] ?? environment[name] ?? "", was)];
    }),
  );
  const env = (values: Readonly<Record<string, string>>): Record<string, MaybeSealed> =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [name, sealed.get(name) ?? value]));
  const startup = Object.fromEntries(
    Object.entries(spec.startup).map(([runtime, line]) => {
      const holdsSecret = startupNames[runtime]?.some((name) => secret.has(name)) ?? false;
      return [runtime, holdsSecret ? secrets.seal(`startup/${runtime}`, line) : line];
    }),
  );
  return { environment: env(environment), spec: { ...spec, env: env(spec.env), startup }, secretKey: secrets.key };
}

function sealedValue(
  secrets: ContainerSecrets,
  name: string,
  value: string,
  was: MaybeSealed | undefined,
): MaybeSealed {
  return was !== undefined && isSealed(was) && isStill(secrets, name, was, value)
    ? was
    : secrets.seal(`env/${name}`, value);
}

function isStill(secrets: ContainerSecrets, name: string, was: MaybeSealed, value: string): boolean {
  try {
    return secrets.open(`env/${name}`, was) === value;
  } catch (error) {
    // What does not open any more has been given anew.
    if (error instanceof UnopenedSecretError) return false;
    throw error;
  }
}

/** What people are shown of an environment, and which of its values are masked. */
export function maskedEnvironment(environment: Readonly<Record<string, MaybeSealed>>): {
  environment: Record<string, string>;
  secretNames: string[];
} {
  const secretNames: string[] = [];
  const shown = Object.entries(environment).map(([name, value]): [string, string] => {
    // Rows from before secrets were sealed hold them plain until their next change.
    if (!isSealed(value) && (value === "" || !soundsSecret(name))) return [name, value];
    secretNames.push(name);
    return [name, MASK];
  });
  return { environment: Object.fromEntries(shown), secretNames: secretNames.sort() };
}
