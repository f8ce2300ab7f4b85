import { createServer } from "node:net";

/** The wanted port of 127.0.0.1 where it is free, else one that the system picks. */
export async function freePort(wanted: number | null): Promise<number> {
  if (wanted !== null && (await bindable(wanted)) !== null) return wanted;
  const any = await bindable(0);
  if (any === null) throw new Error("no free port on 127.0.0.1");
  return any;
}

function bindable(port: number): Promise<number | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(null));
    server.listen({ host: "127.0.0.1", port, exclusive: true }, () => {
      const address = server.address();
      const bound = typeof address === "object" && address !== null ? address.port : null;
      server.close(() => resolve(bound));
    });
  });
}
