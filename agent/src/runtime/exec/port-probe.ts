import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import type { WorkloadSpec } from "@lormas/gen/lormas/agent/v1/workload_pb.ts";
import { RuntimeFault } from "../container-runtime.ts";

/** Throws port_taken when a host port of the spec cannot be bound on the address now. */
export async function requireFreePorts(spec: WorkloadSpec, address: string): Promise<void> {
  for (const port of spec.ports) {
    const bind = port.protocol === "udp" ? bindUdp : bindTcp;
    const code = await bind(address, port.hostPort);
    if (code === null) continue;
    throw new RuntimeFault(
      "port_taken",
      `port ${port.hostPort}/${port.protocol} (${port.name}) of container ${spec.containerName} cannot be bound on ` +
        `${address}: ${code}; end what uses it, or give the node another port pool`,
    );
  }
}

function bindTcp(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(null)));
  });
}

function bindUdp(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
    socket.once("error", (error: NodeJS.ErrnoException) => {
      socket.close();
      resolve(error.code ?? error.message);
    });
    socket.bind({ port, address: host, exclusive: true }, () => socket.close(() => resolve(null)));
  });
}
