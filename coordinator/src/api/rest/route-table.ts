import { type DescMethod, type DescMethodUnary, type DescService, getOption, hasOption } from "@bufbuild/protobuf";
import { http } from "@lormas/gen/google/api/annotations_pb.ts";
import type { HttpRule } from "@lormas/gen/google/api/http_pb.ts";
import { matchPath, type PathSegment, parsePathTemplate } from "./path-template.ts";
import { fieldByPath } from "./request-field.ts";

/** The verbs that google.api.http has names for. */
export type Verb = "GET" | "PUT" | "POST" | "DELETE" | "PATCH";

/** One way to call one method over REST. */
export type Route = {
  readonly verb: Verb;
  readonly template: string;
  readonly segments: readonly PathSegment[];
  /** True when the JSON body is the request (`body: "*"`); then the query must be empty. */
  readonly hasBody: boolean;
  readonly method: DescMethodUnary;
};

/** What the table says about a verb and a path. */
export type RouteMatch =
  | { readonly kind: "route"; readonly route: Route; readonly fields: ReadonlyMap<string, string> }
  | { readonly kind: "malformed"; readonly segment: string }
  | { readonly kind: "wrong_verb"; readonly allowed: readonly Verb[] }
  | { readonly kind: "unknown" };

/** Finds the method behind a verb and a path. */
export type RouteTable = {
  readonly routes: readonly Route[];
  /** A literal segment is preferred to a field at the same place. */
  find(verb: string, path: string): RouteMatch;
};

/**
 * Builds the table from the google.api.http options of the services' methods. Throws an Error that names the method
 * when an option cannot be served: a stream, a body other than "*", a path field that the request does not have, or
 * two methods at one verb and path.
 */
export function buildRouteTable(services: readonly DescService[]): RouteTable {
  const routes = services.flatMap((service) => service.methods).flatMap(routesOf);
  const shapes = new Map<string, Route>();
  for (const route of routes) {
    const shape = `${route.verb} ${route.segments.map((s) => (s.kind === "field" ? "{}" : s.text)).join("/")}`;
    const other = shapes.get(shape);
    if (other !== undefined) throw new Error(`${other.method} and ${route.method} both serve ${shape}`);
    shapes.set(shape, route);
  }
  const ordered = routes.toSorted(compareSpecificity);
  return {
    routes,
    find(verb, path) {
      const allowed = new Set<Verb>();
      let malformed: string | undefined;
      for (const route of ordered) {
        const match = matchPath(route.segments, path);
        if (match.kind === "none") continue;
        if (route.verb !== verb) allowed.add(route.verb);
        else if (match.kind === "match") return { kind: "route", route, fields: match.fields };
        else malformed ??= match.segment;
      }
      if (malformed !== undefined) return { kind: "malformed", segment: malformed };
      return allowed.size === 0 ? { kind: "unknown" } : { kind: "wrong_verb", allowed: [...allowed].sort() };
    },
  };
}

function routesOf(method: DescMethod): Route[] {
  if (!hasOption(method, http)) return [];
  if (!isUnary(method)) throw new Error(`${method} is a stream and cannot be served over REST`);
  const rule = getOption(method, http);
  return [rule, ...rule.additionalBindings].map((binding) => routeOf(method, binding));
}

function isUnary(method: DescMethod): method is DescMethodUnary {
  return method.methodKind === "unary";
}

function routeOf(method: DescMethodUnary, rule: HttpRule): Route {
  const { pattern } = rule;
  if (pattern.case === undefined || pattern.case === "custom")
    throw new Error(`${method}: google.api.http has no verb`);
  if (rule.body !== "" && rule.body !== "*") throw new Error(`${method}: body "${rule.body}" is not served, only "*"`);
  const verb = VERBS[pattern.case];
  if (rule.body === "*" && (verb === "GET" || verb === "DELETE")) throw new Error(`${method}: ${verb} takes no body`);
  const segments = parsePathTemplate(pattern.value);
  for (const segment of segments) {
    if (segment.kind === "literal") continue;
    const field = fieldByPath(method.input, segment.field);
    if (field === undefined || (field.fieldKind !== "scalar" && field.fieldKind !== "enum")) {
      throw new Error(`${method}: path field "${segment.field}" is not a single value of ${method.input.typeName}`);
    }
  }
  return { verb, template: pattern.value, segments, hasBody: rule.body === "*", method };
}

const VERBS = { get: "GET", put: "PUT", post: "POST", delete: "DELETE", patch: "PATCH" } as const;

/** Literals before fields, from the left. */
function compareSpecificity(a: Route, b: Route): number {
  for (const [index, segment] of a.segments.entries()) {
    const other = b.segments[index];
    if (other === undefined || other.kind === segment.kind) continue;
    return segment.kind === "literal" ? -1 : 1;
  }
  return 0;
}
