import { create, type DescMessage, getOption } from "@bufbuild/protobuf";
import { ContainerSchema, EventSchema, file_lormas_api_v1_resources } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { holds_secret } from "@lormas/gen/lormas/api/v1/secret_pb.ts";
import {
  CreateContainerRequestSchema,
  CreateTokenResponseSchema,
  file_lormas_api_v1_services,
} from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { expect, test } from "vitest";
import { bounded, JSON_LENGTH_MAX, maskedJson } from "./masked-json.ts";
import { whatChanged } from "./what-changed.ts";

const everyMessage: readonly DescMessage[] = [
  ...file_lormas_api_v1_resources.messages,
  ...file_lormas_api_v1_services.messages,
];

test("every field of the API whose name sounds like a secret is marked as one", () => {
  const suspicious = everyMessage.flatMap((message) =>
    message.fields
      .filter(({ name, message: inner }) => /secret|password|environment|credential|(^|_)token$/.test(name) && !inner)
      .filter(
        ({ name, scalar, fieldKind }) =>
          name !== "page_token" && name !== "next_page_token" && (scalar === 9 || fieldKind === "map"),
      )
      // Names alone, and whoever reads the trail should see them.
      .filter(({ name }) => name !== "unset_environment" && name !== "secret_names")
      .filter((field) => !getOption(field, holds_secret))
      .map(({ name }) => `${message.typeName}.${name}`),
  );
  expect(suspicious).toEqual([]);
});

test("values of an environment are masked and its names are not, in what is asked for and in what is shown", () => {
  const environment = { POSTGRES_PASSWORD: "hunter2", PLAIN: "also hidden" };
  const masks = { POSTGRES_PASSWORD: "***", PLAIN: "***" };
  const request = create(CreateContainerRequestSchema, { name: "db", environment });
  expect(maskedJson(CreateContainerRequestSchema, request)).toEqual({ name: "db", environment: masks });
  const container = create(ContainerSchema, { name: "db", environment });
  expect(maskedJson(ContainerSchema, container)).toEqual({ name: "db", environment: masks });
});

test("a secret below another message is masked too, and no part of it is left", () => {
  const response = create(CreateTokenResponseSchema, {
    token: { name: "ci", prefix: "lormas_abcde" },
    secret: "lormas_x",
  });
  expect(maskedJson(CreateTokenResponseSchema, response)).toEqual({
    token: { name: "ci", prefix: "lormas_abcde" },
    secret: "***",
  });
});

test("what a database cannot store is replaced, also in free data", () => {
  const event = create(EventSchema, { message: "a\0b\ud800", data: { "k\0": ["\0"] } });
  expect(maskedJson(EventSchema, event)).toEqual({ message: "a\ufffdb\ufffd", data: { "k\ufffd": ["\ufffd"] } });
});

test("an object as large as the bound is kept whole, and of a larger one the field that does not fit is named", () => {
  const field = "x".repeat(JSON_LENGTH_MAX - "a".length - 2);
  expect(bounded({ a: field })).toEqual({ a: field });
  expect(bounded({ id: "1", a: field })).toEqual({ id: "1", a: `(${JSON_LENGTH_MAX} characters left out)` });
});

test("of an object that was changed only the fields that differ are kept, and nothing that is merely measured", () => {
  const before = create(ContainerSchema, {
    id: "1",
    name: "web",
    statusReason: "x",
    asOf: 1n,
    environment: { A: "1" },
  });
  const after = create(ContainerSchema, { id: "1", name: "web", restartCount: 2, asOf: 9n, environment: { A: "2" } });
  expect(whatChanged(ContainerSchema, before, after)).toEqual({
    before: { statusReason: "x" },
    after: { restartCount: 2 },
  });
  expect(whatChanged(ContainerSchema, null, after).after).toEqual({
    ...{ id: "1", name: "web", restartCount: 2, environment: { A: "***" } },
  });
  expect(whatChanged(ContainerSchema, before, null).after).toBeNull();
});
