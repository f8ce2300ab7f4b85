/** Longest address, characters. */
const LENGTH_MAX = 254;
/** The HTML standard's, as the API's validation has it (protovalidate's `email`). ASCII alone: folding to lower case makes no two one. */
const PATTERN =
  /^[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$/;

/** Whether the API takes it as an account's address. Asked before it is put into lower case: the Kelvin sign would become a k. */
export function isEmailAddress(text: string): boolean {
  return text.length <= LENGTH_MAX && PATTERN.test(text);
}
