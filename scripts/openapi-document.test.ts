import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Validator } from "@seriousme/openapi-schema-validator";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { repositoryRoot } from "./bootstrap.mjs";

const document = parse(readFileSync(join(repositoryRoot, "gen/openapi.yaml"), "utf8"));

describe("gen/openapi.yaml", () => {
  test("is a valid OpenAPI 3.1 document", async () => {
    const validator = new Validator();
    const { valid, errors } = await validator.validate(structuredClone(document));
    expect(errors).toBeUndefined();
    expect(valid).toBe(true);
    expect(validator.version).toBe("3.1");
  });

  test("refers only to what it contains", () => {
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)].map((match) => match[1] ?? "");
    expect(references.length).toBeGreaterThan(50);
    for (const reference of references) {
      const target = reference.split("/").reduce((at, key) => at?.[key], document);
      expect(target, reference).toBeTypeOf("object");
    }
  });

  test("carries over the path's parameter, the rules, 64-bit numbers as text and enums by name", () => {
    const get = document.paths["/api/v1/containers/{id}"].get;
    expect(get.parameters).toEqual([
      {
        name: "id",
        in: "path",
        required: true,
        description: "The container's id or name.",
        schema: { type: "string", minLength: 1, maxLength: 63 },
      },
    ]);
    const body = document.paths["/api/v1/containers"].post.requestBody.content["application/json"].schema;
    expect(body).toMatchObject({ type: "object", required: ["name", "eggId"], additionalProperties: false });
    expect(body.properties.name).toMatchObject({ pattern: "^[a-z0-9][a-z0-9-]{0,61}[a-z0-9]$" });
    expect(body.properties.hostPorts).toMatchObject({
      type: "object",
      maxProperties: 64,
      additionalProperties: { minimum: 1, maximum: 65_535 },
    });
    expect(body.properties.environment.propertyNames).toEqual({ minLength: 1, maxLength: 128 });
    const { schemas } = document.components;
    expect(schemas.Resources.properties.memoryBytes).toMatchObject({ type: "string", format: "uint64" });
    expect(schemas.ContainerType.enum).toContain("CONTAINER_TYPE_HA");
    expect(schemas.ErrorDetail.required).toEqual(["code", "message", "field", "nextStep", "retryable", "retryAfterMs"]);
  });

  test("a path field is not in the body, and a path with only such fields needs none", () => {
    const { requestBody } = document.paths["/api/v1/containers/{id}/migrate"].post;
    expect(Object.keys(requestBody.content["application/json"].schema.properties)).toEqual([
      "targetNode",
      "force",
      "requestId",
    ]);
    expect(requestBody.required).toBe(false);
  });

  test("names the statuses that the method's comment names", () => {
    const { responses } = document.paths["/api/v1/containers/{id}/migrate"].post;
    expect(Object.keys(responses)).toEqual([
      "200",
      "400",
      "401",
      "403",
      "404",
      "409",
      "413",
      "415",
      "429",
      "500",
      "503",
    ]);
  });
});
