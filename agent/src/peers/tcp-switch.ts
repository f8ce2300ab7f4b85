import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** A port of 127.0.0.1 that leads to another, for tests: while it is cut, whatever enters goes nowhere, as in a partition. */
export class TcpSwitch {
  readonly address: string;
  isCut = false;
  readonly #server: Server;
  readonly #sockets: Set<Socket>;

  private constructor(server: Server, sockets: Set<Socket>) {
    this.#server = server;
    this.#sockets = sockets;
    this.address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  /** Leads to a port of 127.0.0.1. */
  static async to(port: number): Promise<TcpSwitch> {
    const sockets = new Set<Socket>();
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const made = new TcpSwitch(server, sockets);
    const keep = (socket: Socket) => {
      sockets.add(socket);
      socket.on("error", () => socket.destroy());
      socket.once("close", () => sockets.delete(socket));
    };
    server.on("connection", (here) => {
      keep(here);
      // Taken and never answered, as by a network that drops everything.
      if (made.isCut) return;
      const there = connect(port, "127.0.0.1");
      keep(there);
      const lead = (from: Socket, to: Socket) => {
        from.on("data", (bytes) => !made.isCut && to.write(bytes));
        from.once("close", () => !made.isCut && to.destroy());
      };
      lead(here, there);
      lead(there, here);
    });
    return made;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}
