import { create, toJson, toJsonString } from "@bufbuild/protobuf";
import { ContainerType } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import {
  ContainerService,
  CreateContainerRequestSchema,
  EventService,
  ListEventsRequestSchema,
  MigrateContainerRequestSchema,
} from "@lormas/gen/lormas/api/v1/services_pb.ts";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FieldProblem } from "./request-field.ts";
import { requestMessage } from "./request-message.ts";
import { buildRouteTable, type Route } from "./route-table.ts";

const table = buildRouteTable([ContainerService, EventService]);
const routeOf = (name: string): Route => {
  const route = table.routes.find(({ method }) => method.name === name);
  if (route === undefined) throw new Error(`no route ${name}`);
  return route;
};
const read = (name: string, parts: { path?: Record<string, string>; query?: string; body?: string } = {}) =>
  requestMessage({
    route: routeOf(name),
    pathFields: new Map(Object.entries(parts.path ?? {})),
    query: new URLSearchParams(parts.query ?? ""),
    body: parts.body ?? "",
  });
const problem = (...args: Parameters<typeof read>): string => {
  try {
    read(...args);
  } catch (error) {
    if (error instanceof FieldProblem) return `${error.field}| ${error.message}`;
    throw error;
  }
  return "accepted";
};

describe("a request comes through unchanged", () => {
  const text = fc.string({ unit: "grapheme" }).filter((value) => value.isWellFormed());
  const uint32 = fc.integer({ min: 0, max: 0xffffffff });
  const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });

  test("as a JSON body, in lowerCamelCase and in snake_case", () => {
    const request = fc.record({
      name: text,
      eggId: text,
      type: fc.constantFrom(ContainerType.UNSPECIFIED, ContainerType.STANDARD, ContainerType.HA),
      preferredCluster: text,
      resources: fc.record({ cpuMillis: uint32, memoryBytes: uint64, diskBytes: uint64 }),
      environment: fc.dictionary(text, text),
      hostPorts: fc.dictionary(text, uint32),
      createStopped: fc.boolean(),
    });
    fc.assert(
      fc.property(request, fc.boolean(), (init, useProtoFieldName) => {
        const message = create(CreateContainerRequestSchema, init);
        const body = toJsonString(CreateContainerRequestSchema, message, { useProtoFieldName });
        expect(read("CreateContainer", { body })).toEqual(message);
      }),
    );
  });

  test("as a query, in lowerCamelCase and in snake_case", () => {
    const request = fc.record({ after: uint64, container: text, pageSize: uint32, latest: fc.boolean() });
    fc.assert(
      fc.property(request, fc.boolean(), (init, useProtoFieldName) => {
        const message = create(ListEventsRequestSchema, init);
        const json = toJson(ListEventsRequestSchema, message, { useProtoFieldName });
        const query = new URLSearchParams(Object.entries(json ?? {}).map(([k, v]) => [k, String(v)])).toString();
        expect(read("ListEvents", { query })).toEqual(message);
      }),
    );
  });

  test("with its path fields, a body that repeats them, or no body at all", () => {
    const message = create(MigrateContainerRequestSchema, { id: "web", targetNode: "node-2" });
    const path = { id: "web" };
    expect(read("MigrateContainer", { path, body: '{"targetNode":"node-2"}' })).toEqual(message);
    expect(read("MigrateContainer", { path, body: '{"id":"web","target_node":"node-2"}' })).toEqual(message);
    expect(read("StartContainer", { path })).toMatchObject({ id: "web" });
  });
});

describe("what does not fit is refused with the field named", () => {
  test.each([
    ["CreateContainer", { body: '{"nmae":"a"}' }, 'nmae| unknown field "nmae"'],
    ["CreateContainer", { body: '{"resources":{"cpu":1}}' }, 'resources.cpu| unknown field "resources.cpu"'],
    ["CreateContainer", { body: '{"__proto__":{"a":1}}' }, '__proto__| unknown field "__proto__"'],
    ["CreateContainer", { body: "[]" }, "| the body must be a JSON object"],
    ["CreateContainer", { body: "null" }, "| the body must be a JSON object"],
    [
      "CreateContainer",
      { query: "name=a", body: "{}" },
      '| "name" is in the query, but POST /api/v1/containers reads its body',
    ],
    [
      "MigrateContainer",
      { path: { id: "a" }, body: '{"id":"b"}' },
      'id| id in the body differs from the path, which says "a"',
    ],
    ["ListContainers", { body: "{}" }, "| GET /api/v1/containers takes no body"],
    ["ListContainers", { query: "pageSize=many" }, 'page_size| page_size: "many" is not a number'],
    ["ListContainers", { query: "pageSize=1&page_size=2" }, "page_size| page_size is given more than once"],
    ["ListContainers", { query: "node=a&node=b" }, "node| node is given more than once"],
    ["ListContainers", { query: "colour=red" }, 'colour| unknown field "colour"'],
    ["ListContainers", { query: "__proto__.x=1" }, '__proto__| unknown field "__proto__"'],
    ["ListContainers", { query: "node.x=1" }, "node| node has no fields of its own"],
    ["ListEvents", { query: "latest=yes" }, 'latest| latest: "yes" is neither true nor false'],
    ["GetContainer", { path: { id: "a" }, query: "id=b" }, "id| id is part of the path and cannot be in the query"],
  ] as const)("%s %j → %s", (name, parts, expected) => {
    expect(problem(name, parts)).toBe(expected);
  });

  test.each([
    ['{"resources":{"memoryBytes":-1}}', "resources.memory_bytes"],
    ['{"resources":{"memoryBytes":"18446744073709551616"}}', "resources.memory_bytes"],
    ['{"resources":{"cpuMillis":1.5}}', "resources.cpu_millis"],
    ['{"type":"BIG"}', "type"],
    ['{"hostPorts":{"http":"x"}}', "host_ports"],
    ['{"name":5}', "name"],
    ['{"name":"a","name":"b"}', ""],
    ['{"eggId":"a","egg_id":"b"}', "egg_id"],
    ["{", ""],
  ])("the body %s", (body, field) => {
    expect(problem("CreateContainer", { body })).toMatch(new RegExp(`^${field}\\| .+`));
  });

  test("whatever the body is, it is a message or a FieldProblem", () => {
    fc.assert(fc.property(fc.json(), (body) => void problem("CreateContainer", { body })));
    fc.assert(fc.property(fc.string(), (body) => void problem("CreateContainer", { body })));
    fc.assert(fc.property(fc.webQueryParameters(), (query) => void problem("ListContainers", { query })));
  });
});
