/** The least number of characters of a password; the server has the last word. */
export const passwordMin = 12;

/** What is wrong with a new password, and at which input. */
export type PasswordProblem = { readonly field: "current" | "chosen" | "again"; readonly message: string };

/** The first problem of a password change, or null. */
export function passwordProblem(current: string, chosen: string, again: string): PasswordProblem | null {
  if (current === "") return { field: "current", message: "Type the current password." };
  if ([...chosen].length < passwordMin) {
    return { field: "chosen", message: `The new password needs at least ${passwordMin} characters.` };
  }
  if (chosen === current) return { field: "chosen", message: "The new password must differ from the current one." };
  if (chosen !== again) return { field: "again", message: "The two new passwords differ; type the same one twice." };
  return null;
}
