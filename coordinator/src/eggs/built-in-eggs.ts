import { helloHttp } from "./builtin/hello-http.ts";
import { postgres } from "./builtin/postgres.ts";
import { staticSite } from "./builtin/static-site.ts";
import type { EggDefinition } from "./egg-definition.ts";

/** The shelves that ship. */
export const BUILT_IN_CATEGORIES: readonly { readonly id: string; readonly name: string }[] = [
  { id: "web", name: "Web" },
  { id: "databases", name: "Databases" },
];

/** The eggs that ship. */
export const BUILT_IN_EGGS: readonly EggDefinition[] = [helloHttp, staticSite, postgres];
