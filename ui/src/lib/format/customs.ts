/** How moments are written: undefined leaves it to the browser. */
export type Customs = { readonly locale: string | undefined; readonly timeZone: string | undefined };

let chosen: Customs = { locale: undefined, timeZone: undefined };

/** What the one who is signed in chose. */
export function customs(): Customs {
  return chosen;
}

/**
 * From now on moments are written so; empty: as the browser has it. What this browser does not know is left to it as well: another one,
 * or the coordinator, may know more languages.
 */
export function setCustoms({ locale, timeZone }: { readonly locale: string; readonly timeZone: string }): void {
  chosen = {
    locale: known(() => new Intl.DateTimeFormat(locale)) ? locale || undefined : undefined,
    timeZone: known(() => new Intl.DateTimeFormat("en", { timeZone })) ? timeZone || undefined : undefined,
  };
}

function known(use: () => unknown): boolean {
  try {
    use();
    return true;
  } catch {
    return false;
  }
}
