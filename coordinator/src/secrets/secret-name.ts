/** What stands in the place of a secret wherever one is shown. */
export const MASK = "***";

/** Anywhere in a name. */
const WORD = /PASSW(OR)?D|PASSPHRASE|SECRET|TOKEN|CREDENTIAL/i;
/** Only as a word of its own: COMPASS and MONKEY are none. */
const OWN_WORD =
  /(^|_)(PASS|PWD|DSN|DATABASE_URL|CONNECTION_STRING|(API|AUTH|ACCESS|PRIVATE|SIGNING|ENCRYPTION|LICEN[CS]E)_?KEY)(_|\d*$)/i;

/** Whether a variable's name alone says that its value is a secret. docs/secrets.md has the rule for people. */
export function soundsSecret(name: string): boolean {
  return WORD.test(name) || OWN_WORD.test(name);
}
