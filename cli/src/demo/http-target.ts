import type { Container } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import type { ProbeTarget } from "./prober.ts";

/** Where a container answers HTTP: its "http" endpoint, or its first; undefined while it is not placed. */
export function httpTarget(container: Container): ProbeTarget | undefined {
  const endpoint = container.endpoints.find(({ name }) => name === "http") ?? container.endpoints[0];
  return endpoint === undefined ? undefined : { address: endpoint.address, port: endpoint.port };
}
