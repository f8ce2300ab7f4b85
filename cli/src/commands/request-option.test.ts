import { expect, test } from "vitest";
import { withRequest } from "./request-option.ts";

test("a request's id joins what else is filtered by, whatever characters it has", () => {
  expect(withRequest("", {})).toBe("");
  expect(withRequest("state = failed", {})).toBe("state = failed");
  expect(withRequest(" ", { request: "deploy-7" })).toBe('request_id = "deploy-7"');
  expect(withRequest("state = failed", { request: 'a"b\\c' })).toBe('state = failed AND request_id = "a\\"b\\\\c"');
});
