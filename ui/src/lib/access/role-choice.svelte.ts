import type { Role } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { accessClient } from "../api/management-clients.ts";
import { Reader } from "../live/reader.svelte.ts";

/** The roles that there are, for a choice: the mightiest first, then one's own by name. */
export function roleReader(): Reader<readonly Role[]> {
  return new Reader(async (signal) => (await accessClient.listRoles({}, { signal })).roles);
}
