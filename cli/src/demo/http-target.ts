import type { Container } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import type { ProbeTarget } from "./prober.ts";

/** Where a container of the egg hello-http answers, with its name in the answer: its "http" endpoint, or its first; undefined while it is not placed. */
export function httpTarget(container: Container): ProbeTarget | undefined {
  const endpoint = container.endpoints.find(({ name }) => name === "http") ?? container.endpoints[0];
  if (endpoint === undefined) return undefined;
  return { address: endpoint.address, port: endpoint.port, answerHolds: container.name };
}
