import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { matchPath, parsePathTemplate } from "./path-template.ts";

const template = parsePathTemplate("/api/v1/containers/{id}/logs/{range.start}");

describe("a path template", () => {
  test("gives back every text that was escaped into its fields", () => {
    const text = fc.string({ minLength: 1, unit: "grapheme" }).filter((value) => value.isWellFormed());
    fc.assert(
      fc.property(text, text, (id, start) => {
        const path = `/api/v1/containers/${encodeURIComponent(id)}/logs/${encodeURIComponent(start)}`;
        const match = matchPath(template, path);
        expect(match).toEqual({
          kind: "match",
          fields: new Map([
            ["id", id],
            ["range.start", start],
          ]),
        });
      }),
    );
  });

  test("never throws, whatever the path, and matches only its own shape", () => {
    const segment = fc.oneof(
      fc.constantFrom("api", "v1", "containers", "logs", "", "%", "%zz", "..", "a"),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.array(segment, { maxLength: 8 }), (segments) => {
        const path = `/${segments.join("/")}`;
        const { kind } = matchPath(template, path);
        const parts = path.slice(1).split("/");
        const fits =
          parts.length === 6 &&
          parts.slice(0, 3).join("/") === "api/v1/containers" &&
          parts[4] === "logs" &&
          parts[3] !== "" &&
          parts[5] !== "";
        expect(kind !== "none").toBe(fits);
      }),
    );
  });

  test("names the segment with a malformed escape", () => {
    expect(matchPath(template, "/api/v1/containers/%zz/logs/1")).toEqual({ kind: "malformed", segment: "%zz" });
  });

  test.each(["api", "/a/{id=*}", "/a/*", "/a/{id}:start", "/a//b", "/a/{Id}"])("%s is refused at the start", (bad) => {
    expect(() => parsePathTemplate(bad)).toThrow("path template");
  });
});
