/** Where the choice is kept; app.html reads it before the first paint. */
const storageKey = "lormas.theme";

/** "system" follows prefers-color-scheme. */
export type Theme = "system" | "light" | "dark";

/** The order in which the toggle goes round. */
export function nextTheme(theme: Theme): Theme {
  return theme === "system" ? "light" : theme === "light" ? "dark" : "system";
}

/** The chosen theme; "system" when none is chosen or storage is forbidden. */
export function readTheme(): Theme {
  const chosen = document.documentElement.dataset["theme"];
  return chosen === "light" || chosen === "dark" ? chosen : "system";
}

/** Applies a theme at once and keeps it for the next visit where storage is allowed. */
export function applyTheme(theme: Theme): void {
  if (theme === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = theme;
  try {
    if (theme === "system") localStorage.removeItem(storageKey);
    else localStorage.setItem(storageKey, theme);
  } catch {
    // Storage is forbidden: the choice holds until the page is left, which is all that can be had.
  }
}
