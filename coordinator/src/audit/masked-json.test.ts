import { create, type DescMessage, getOption, ScalarType } from "@bufbuild/protobuf";
import { EggDraftSchema, file_lormas_api_v1_egg_draft } from "@lormas/gen/lormas/api/v1/egg_draft_pb.ts";
import {
  ContainerSchema,
  EggSchema,
  EventSchema,
  file_lormas_api_v1_resources,
} from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { holds_secret, holds_secret_unless } from "@lormas/gen/lormas/api/v1/secret_pb.ts";
import {
  CreateContainerRequestSchema,
  CreateTokenResponseSchema,
  file_lormas_api_v1_services,
  ImportEggRequestSchema,
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

test("a default that an egg hides from users is masked, and any other one is not", () => {
  const defaults = (userViewable: boolean | undefined) => ({
    name: "A",
    defaultValue: "1",
    ...(userViewable === undefined ? {} : { userViewable }),
  });
  const variables = [defaults(true), defaults(false)];
  expect(maskedJson(EggSchema, create(EggSchema, { variables }))["variables"]).toEqual([
    { name: "A", defaultValue: "1", userViewable: true },
    { name: "A", defaultValue: "***" },
  ]);
  // Of a draft that does not say it, users see it.
  const draft = create(EggDraftSchema, { variables: [...variables, defaults(undefined)] });
  expect(maskedJson(EggDraftSchema, draft)["variables"]).toEqual([
    { name: "A", defaultValue: "1", userViewable: true },
    { name: "A", defaultValue: "***", userViewable: false },
    { name: "A", defaultValue: "1" },
  ]);
  const request = create(ImportEggRequestSchema, { id: "a", content: '{"default_value":"1"}' });
  expect(maskedJson(ImportEggRequestSchema, request)).toEqual({ id: "a", content: "***" });
});

test("every field that is a secret unless another one says so names a boolean beside it", () => {
  const named = [...everyMessage, ...file_lormas_api_v1_egg_draft.messages].flatMap(({ fields }) =>
    fields
      .filter((field) => getOption(field, holds_secret_unless) !== "")
      .map((field) => fields.find(({ name }) => name === getOption(field, holds_secret_unless))?.scalar),
  );
  expect(new Set(named)).toEqual(new Set([ScalarType.BOOL]));
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
