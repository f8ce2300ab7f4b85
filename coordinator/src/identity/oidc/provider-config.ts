import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { parseDocument } from "yaml";
import { z } from "zod";
import { ROLE_NAMES, type RoleName } from "../../permissions/role.ts";

/** Providers that can be configured. */
export const PROVIDERS_MAX = 8;
/** Values of a claim that can be mapped to roles. */
const MAPPED_MAX = 100;
/** Bytes that are read of the file, and of each secret. */
const FILE_BYTES_MAX = 64 * 1024;

/** An OpenID Connect provider that people may sign in by. */
export type ProviderConfig = {
  /** Part of the redirect address; lower-case letters, digits and hyphens. */
  readonly id: string;
  /** What the button says. */
  readonly label: string;
  /** As the provider itself spells it. */
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** What somebody gets who was not here before. Nothing that the provider says gives more, but by `firstRoles`. */
  readonly firstRole: "none" | "viewer";
  /** Which values of a claim give somebody who was not here before another role; absent: none. */
  readonly firstRoles?: { readonly claim: string; readonly map: Readonly<Record<string, RoleName>> } | undefined;
  /** Whether somebody whose verified address has an account here signs in to that account. */
  readonly linkByEmail: boolean;
};

const entry = z.strictObject({
  id: z.string().regex(/^[a-z0-9][a-z0-9-]{0,31}$/, "takes 1 to 32 lower-case letters, digits and inner hyphens"),
  label: z.string().min(1).max(40),
  issuer: z.string().max(512).refine(isIssuer, "takes an https:// address without query (http:// for loopback alone)"),
  clientId: z.string().min(1).max(256),
  clientSecretFile: z.string().min(1),
  firstRole: z.enum(["none", "viewer"]).default("none"),
  firstRoles: z
    .strictObject({
      claim: z.string().min(1).max(128),
      map: z
        .record(z.string().min(1).max(256), z.enum(ROLE_NAMES))
        .refine((map) => Object.keys(map).length <= MAPPED_MAX, `takes at most ${MAPPED_MAX} values`),
    })
    .optional(),
  linkByEmail: z.boolean().default(false),
});
const shape = z.strictObject({ providers: z.array(entry).max(PROVIDERS_MAX) });

/**
 * Reads the providers of a YAML file; the files of their secrets are relative to it. Throws what is wrong, at which
 * entry, and where.
 */
export function readProviders(path: string): ProviderConfig[] {
  const document = parseDocument(limitedText(path), { maxAliasCount: 0 } as object);
  const [broken] = document.errors;
  if (broken !== undefined) throw new Error(`${path} is no YAML: ${broken.message}`);
  const parsed = shape.safeParse(document.toJS({ maxAliasCount: 0 }) ?? {});
  if (!parsed.success) {
    const said = parsed.error.issues.map(({ path: at, message }) => `${at.join(".") || "the file"}: ${message}`);
    throw new Error(`${path} does not describe providers: ${said.join("; ")} (docs/identity.md)`);
  }
  const { providers } = parsed.data;
  const twice = providers.find(({ id }, index) => providers.findIndex((other) => other.id === id) !== index);
  if (twice !== undefined) throw new Error(`${path} names the provider ${twice.id} twice`);
  return providers.map(({ clientSecretFile, ...rest }) => {
    const clientSecret = limitedText(resolve(dirname(path), clientSecretFile)).trim();
    if (clientSecret === "") throw new Error(`${path}: the secret file of ${rest.id}, ${clientSecretFile}, is empty`);
    return { ...rest, clientSecret };
  });
}

/** What is wrong with the file of providers, or null: for the configuration, before anything is started. */
export function providersProblem(path: string): string | null {
  try {
    readProviders(path);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** True for an address that nobody on the way can answer for: https, or this machine. */
export function isPrivateWay(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || url.username !== "" || url.password !== "") return false;
  if (url.protocol === "https:") return true;
  const loopback =
    url.hostname === "localhost" || url.hostname === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(url.hostname);
  return url.protocol === "http:" && loopback;
}

function isIssuer(text: string): boolean {
  return isPrivateWay(text) && !/[?#]/.test(text);
}

function limitedText(path: string): string {
  const text = readFileSync(path, "utf8");
  if (text.length <= FILE_BYTES_MAX) return text;
  throw new Error(`${path} is larger than ${FILE_BYTES_MAX} bytes`);
}
