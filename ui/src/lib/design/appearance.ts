/** One thing about how pages look that a person may choose in this browser. */
export type Appearance<Value extends string> = {
  /** An attribute of the document's root element, data-…, which the style sheets look at; absent: the first value holds. */
  readonly attribute: string;
  /** Where the choice is kept; app.html reads it before the first paint. */
  readonly storageKey: string;
  /** The first one is as the system asks. */
  readonly values: readonly [Value, ...Value[]];
};

/** "system" follows prefers-color-scheme. */
export const theme: Appearance<"system" | "light" | "dark"> = {
  attribute: "theme",
  storageKey: "lormas.theme",
  values: ["system", "light", "dark"],
};

/** "system" follows prefers-contrast. */
export const contrast: Appearance<"system" | "more" | "normal"> = {
  attribute: "contrast",
  storageKey: "lormas.contrast",
  values: ["system", "more", "normal"],
};

/** The value after this one; a toggle goes round. */
export function nextOf<Value extends string>({ values }: Appearance<Value>, value: Value): Value {
  return values[values.indexOf(value) + 1] ?? values[0];
}

/** What is chosen; the first value when nothing is. */
export function chosenOf<Value extends string>({ attribute, values }: Appearance<Value>): Value {
  const chosen = document.documentElement.dataset[attribute];
  return values.find((value) => value === chosen) ?? values[0];
}

/** Applies a choice at once and keeps it for the next visit where storage is allowed. */
export function choose<Value extends string>(
  { attribute, storageKey, values: [system] }: Appearance<Value>,
  value: Value,
): void {
  if (value === system) delete document.documentElement.dataset[attribute];
  else document.documentElement.dataset[attribute] = value;
  try {
    if (value === system) localStorage.removeItem(storageKey);
    else localStorage.setItem(storageKey, value);
  } catch {
    // Storage is forbidden: the choice holds until the page is left, which is all that can be had.
  }
}
