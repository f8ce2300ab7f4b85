import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Code } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { ERROR_CODES } from "../coordinator/src/api/error-codes.ts";
import { httpStatusOf } from "../coordinator/src/api/rest/http-status.ts";
import { repositoryRoot } from "./bootstrap.mjs";

test("docs/api-errors.md lists every code with its gRPC code and HTTP status, and no other", () => {
  const text = readFileSync(join(repositoryRoot, "docs/api-errors.md"), "utf8");
  const listed = [...text.matchAll(/^\| ([a-z_]+) \| ([A-Z_]+) \| (\d{3}) \|/gm)].map((match) => match.slice(1, 4));
  const screaming = (code: Code) =>
    (Code[code] ?? "").replace(/(?<=[a-z])[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
  const real = Object.entries(ERROR_CODES).map(([name, { code }]) => [name, screaming(code), `${httpStatusOf(code)}`]);
  expect(listed.sort()).toEqual(real.sort());
});
