import type { DescField, DescMessage, DescService } from "@bufbuild/protobuf";
import { getPackageComments } from "@bufbuild/protoplugin";
import { Code } from "@connectrpc/connect";
import { httpStatusOf } from "../coordinator/src/api/rest/http-status.ts";
import { fieldByPath } from "../coordinator/src/api/rest/request-field.ts";
import { buildRouteTable, type Route } from "../coordinator/src/api/rest/route-table.ts";
import type { JsonSchema } from "./openapi-constraints.ts";
import { descriptionOf, SchemaCollection } from "./openapi-schemas.ts";

/** What the document is made from besides the services. */
export type DocumentOptions = {
  readonly version: string;
  /** The message that every error carries. */
  readonly errorDetail: DescMessage;
};

/** Codes that any call may end with; the others come from the method's comment ("Errors: NOT_FOUND, …"). */
const ALWAYS_POSSIBLE = [
  Code.InvalidArgument,
  Code.Unauthenticated,
  Code.PermissionDenied,
  Code.Internal,
  Code.Unavailable,
];

const STATUS_WORDS: Readonly<Record<number, string>> = {
  400: "The request is not as it must be; `field` names what is at fault.",
  401: "Nobody is signed in, or the token is not known.",
  403: "Whoever is signed in may not do this.",
  404: "There is no such thing.",
  409: "It contradicts the state that the thing is in.",
  413: "The body is too large.",
  415: "The body is not plain JSON.",
  429: "There is no room for it now.",
  500: "The coordinator met an error of its own.",
  501: "Nobody serves this method.",
  503: "Not now; the header Retry-After says when to try again.",
  504: "It took too long.",
};

/**
 * The OpenAPI 3.1 document of every method with a google.api.http option. It is made with the same route table that the
 * REST front serves, so the two cannot differ.
 */
export function openapiDocument(services: readonly DescService[], options: DocumentOptions): JsonSchema {
  const { routes } = buildRouteTable(services);
  const schemas = new SchemaCollection(routes.filter(({ hasBody }) => hasBody).map(({ method }) => method.input));
  const paths: Record<string, Record<string, JsonSchema>> = {};
  for (const route of routes) {
    const path = openapiPath(route);
    paths[path] = { ...paths[path], [route.verb.toLowerCase()]: operation(route, schemas) };
  }
  const error = schemas.message(options.errorDetail);
  const comments = services[0] === undefined ? undefined : getPackageComments(services[0].file);
  const served = services.filter((service) => routes.some(({ method }) => method.parent === service));
  return {
    openapi: "3.1.0",
    info: {
      title: "Lormas API",
      version: options.version,
      description: oneParagraph(comments?.leading ?? comments?.leadingDetached.join("\n") ?? ""),
    },
    servers: [{ url: "/" }],
    security: [{ bearer: [] }, { cookie: [] }],
    tags: served.map((service) => ({ name: service.name, description: descriptionOf(service) })),
    paths,
    components: {
      securitySchemes: {
        bearer: { type: "http", scheme: "bearer", description: "An API token." },
        cookie: {
          type: "apiKey",
          in: "cookie",
          name: "better-auth.session_token",
          description: "The session of the dashboard.",
        },
      },
      responses: Object.fromEntries(
        Object.entries(STATUS_WORDS).map(([status, description]) => [
          `Error${status}`,
          {
            description,
            ...(status === "503" && {
              headers: { "Retry-After": { description: "Seconds.", schema: { type: "integer", minimum: 1 } } },
            }),
            content: { "application/json": { schema: { $ref: "#/components/schemas/Error" } } },
          },
        ]),
      ),
      schemas: {
        ...schemas.all(),
        Error: {
          type: "object",
          description: "The body of every answer that says no.",
          properties: { error },
          required: ["error"],
        },
      },
    },
  };
}

/** Template fields under their JSON names, as the parameters are named. */
function openapiPath(route: Route): string {
  const parts = route.segments.map((s) =>
    s.kind === "literal" ? s.text : `{${jsonPath(route.method.input, s.field)}}`,
  );
  return `/${parts.join("/")}`;
}

function operation(route: Route, schemas: SchemaCollection): JsonSchema {
  const { method } = route;
  const description = descriptionOf(method);
  const inPath = new Set(route.segments.flatMap((s) => (s.kind === "field" ? [s.field] : [])));
  const rest = method.input.fields.filter(({ name }) => !inPath.has(name));
  const parameters = [
    ...[...inPath].map((path) => parameter(method.input, path, "path", schemas)),
    ...(route.hasBody ? [] : rest.map(({ name }) => parameter(method.input, name, "query", schemas))),
  ];
  const body = schemas.object(method.input, rest, true);
  return {
    operationId: method.localName,
    tags: [method.parent.name],
    summary: description.split(/(?<=\.)\s/)[0] ?? method.name,
    description,
    ...(parameters.length > 0 && { parameters }),
    ...(route.hasBody && {
      requestBody: { required: body["required"] !== undefined, content: { "application/json": { schema: body } } },
    }),
    responses: {
      "200": { description: "Done.", content: { "application/json": { schema: schemas.message(method.output) } } },
      ...Object.fromEntries(
        statusesOf(route, description).map((status) => [
          String(status),
          { $ref: `#/components/responses/Error${status}` },
        ]),
      ),
    },
  };
}

function parameter(message: DescMessage, path: string, place: "path" | "query", schemas: SchemaCollection): JsonSchema {
  const field = fieldByPath(message, path);
  if (field === undefined) throw new Error(`${message.typeName} has no field "${path}"`);
  const { description, ...schema } = schemas.field(field);
  return {
    name: jsonPath(message, path),
    in: place,
    ...(place === "path" && { required: true }),
    ...(description !== undefined && { description }),
    schema,
  };
}

/** Error statuses of one operation, ascending: those of every call and those that its comment names. */
function statusesOf(route: Route, description: string): number[] {
  const named = [...description.matchAll(/\b[A-Z]{2,}(?:_[A-Z]+)*\b/g)].flatMap(([word]) => {
    const name = word.toLowerCase().replace(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase());
    const code = Object.entries(Code).find(([key]) => key === name)?.[1];
    return typeof code === "number" ? [code] : [];
  });
  const statuses = [...ALWAYS_POSSIBLE, ...named].map(httpStatusOf);
  return [...new Set([...statuses, ...(route.hasBody ? [413, 415] : [])])].sort((a, b) => a - b);
}

function jsonPath(message: DescMessage, path: string): string {
  const names: string[] = [];
  let at: DescMessage | undefined = message;
  for (const part of path.split(".")) {
    const field: DescField | undefined = at?.fields.find(({ name }) => name === part);
    names.push(field?.jsonName ?? part);
    at = field?.message;
  }
  return names.join(".");
}

function oneParagraph(comment: string): string {
  return comment.replace(/\s+/g, " ").trim();
}
