export type ConfigValue = string | number | boolean | null;

/** One value that is put somewhere; placeholders are filled. */
export type ConfigChange = {
  readonly match: string;
  /** Only where this stands, or what "regex:" finds; null: in any case. */
  readonly ifValue: string | null;
  readonly value: ConfigValue;
};

/** The file cannot be read as what it should be; the message says why, without what is in it. */
export class ConfigFault extends Error {
  override readonly name = "ConfigFault";
}

/** A value as text has it. */
export function valueText(value: ConfigValue): string {
  return value === null ? "" : String(value);
}

/** What stands instead of `present` after a change; undefined: nothing is changed. `present` null: there is nothing yet. */
export function changedValue({ ifValue, value }: ConfigChange, present: string | null): ConfigValue | undefined {
  if (ifValue === null) return value;
  if (present === null) return undefined;
  if (!ifValue.startsWith("regex:")) return present === ifValue ? value : undefined;
  const pattern = patternOf(ifValue.slice("regex:".length));
  return present.search(pattern) === -1 ? undefined : present.replace(pattern, valueText(value));
}

function patternOf(source: string): RegExp {
  try {
    return new RegExp(source, "g");
  } catch {
    throw new ConfigFault(`"regex:${source.slice(0, 120)}" is no regular expression`);
  }
}
