import { expect, test } from "vitest";
import { linkTrouble } from "./link-trouble.ts";

test("a coordinator of an authority that is not trusted is told apart from one that does not answer, with what to do", () => {
  const untrusted =
    "14 UNAVAILABLE: No connection established. Last error: Error: unable to verify the first certificate";
  expect(linkTrouble(untrusted)).toMatch(/does not trust.*lormas node rm.*join token \(14 UNAVAILABLE/);
  expect(linkTrouble("self-signed certificate in certificate chain")).toContain("enrol again");
  expect(linkTrouble("connect ECONNREFUSED 127.0.0.1:7443")).toBe("connect ECONNREFUSED 127.0.0.1:7443");
});
