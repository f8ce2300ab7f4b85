import { expect, it } from "vitest";
import { CliFailure } from "../cli-failure.ts";
import { exitCode } from "../exit-code.ts";
import { CANDIDATES_SHOWN_MAX, chooseCandidate } from "./id-prefix.ts";

const web = { id: "0199c2b4-aaaa", name: "web" };
const webTwo = { id: "0199c2b4-bbbb", name: "web-two" };
const mail = { id: "0200ffff-cccc", name: "mail" };
const all = [web, webTwo, mail];

function failureOf(action: () => unknown): CliFailure {
  try {
    action();
  } catch (error) {
    if (error instanceof CliFailure) return error;
    throw error;
  }
  throw new Error("it did not fail");
}

it("takes the one thing whose name or id begins so, in any case of the id's letters", () => {
  expect(chooseCandidate("container", "m", "loose", all)).toBe(mail);
  expect(chooseCandidate("container", "web-", "loose", all)).toBe(webTwo);
  expect(chooseCandidate("container", "0200FF", "loose", all)).toBe(mail);
  expect(chooseCandidate("container", "x", "loose", all)).toBeUndefined();
});

it("lists those that begin so when there are several, ten at most", () => {
  const two = failureOf(() => chooseCandidate("container", "we", "loose", all));
  expect(two.code).toBe(exitCode.usage);
  expect(two.message).toBe('2 containers begin with "we": web (0199c2b4-aaaa), web-two (0199c2b4-bbbb)');
  const many = Array.from({ length: CANDIDATES_SHOWN_MAX + 1 }, (_, index) => ({ id: `i${index}`, name: `n${index}` }));
  expect(failureOf(() => chooseCandidate("node", "n", "loose", many)).message).toMatch(/n9 \(i9\) and 1 more$/);
});

it("takes nothing but 8 characters of an id where something is ended or moved", () => {
  const short = failureOf(() => chooseCandidate("container", "mail"[0] ?? "", "strict", all));
  expect(short.code).toBe(exitCode.notFound);
  expect(short.nextStep).toBe("did you mean mail (0200ffff-cccc)?");
  expect(failureOf(() => chooseCandidate("container", "0200fff", "strict", all)).code).toBe(exitCode.notFound);
  expect(chooseCandidate("container", "0200ffff", "strict", all)).toBe(mail);
  expect(failureOf(() => chooseCandidate("container", "0199c2b4", "strict", all)).code).toBe(exitCode.usage);
  expect(chooseCandidate("container", "0199c2b4-b", "strict", all)).toBe(webTwo);
  const named = [{ id: "1", name: "long-name-of-one" }];
  expect(failureOf(() => chooseCandidate("node", "long-name", "strict", named)).code).toBe(exitCode.notFound);
});
