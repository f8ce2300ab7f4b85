/** One part of a path between slashes: fixed text, or a request field (its proto name, dots for nesting). */
export type PathSegment =
  | { readonly kind: "literal"; readonly text: string }
  | { readonly kind: "field"; readonly field: string };

/** What a template makes of a path: field → decoded text, or that an escape in it is malformed. */
export type PathMatch =
  | { readonly kind: "match"; readonly fields: ReadonlyMap<string, string> }
  | { readonly kind: "malformed"; readonly segment: string }
  | { readonly kind: "none" };

const NO_MATCH: PathMatch = { kind: "none" };

/**
 * Parses a path template of google.api.http, such as "/api/v1/containers/{id}/start". Wildcards, "{field=pattern}" and
 * ":verb" endings are not in use here and are refused with an Error, so that a proto that needs them fails at the start.
 */
export function parsePathTemplate(template: string): readonly PathSegment[] {
  if (!template.startsWith("/")) throw new Error(`path template "${template}" must begin with a slash`);
  return template
    .slice(1)
    .split("/")
    .map((part): PathSegment => {
      const field = /^\{([a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*)\}$/.exec(part)?.[1];
      if (field !== undefined) return { kind: "field", field };
      if (/^[A-Za-z0-9._~-]+$/.test(part)) return { kind: "literal", text: part };
      throw new Error(`path template "${template}": "${part}" is neither plain text nor {field}`);
    });
}

/** Matches a raw path (still escaped, without query). A field takes one segment that is not empty. */
export function matchPath(template: readonly PathSegment[], path: string): PathMatch {
  const parts = path.slice(1).split("/");
  if (!path.startsWith("/") || parts.length !== template.length) return NO_MATCH;
  const fields = new Map<string, string>();
  let malformed: string | undefined;
  for (const [index, segment] of template.entries()) {
    const part = parts[index] ?? "";
    if (segment.kind === "literal") {
      if (segment.text !== part) return NO_MATCH;
      continue;
    }
    if (part === "") return NO_MATCH;
    const text = decoded(part);
    if (text === undefined) malformed ??= part;
    else fields.set(segment.field, text);
  }
  return malformed === undefined ? { kind: "match", fields } : { kind: "malformed", segment: malformed };
}

function decoded(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    // Only a malformed escape throws; the caller names the segment.
    return undefined;
  }
}
