import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** A receiver of alerts that takes everything, the news of a death at the second attempt. */
export class AlertSink {
  readonly url: string;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  }

  static async open(): Promise<AlertSink> {
    const refused = new Set<string>();
    const server = createServer((request, response) => {
      let text = "";
      request.on("data", (chunk) => {
        text += String(chunk);
      });
      request.on("end", () => {
        const { event, delivery, alert } = JSON.parse(text) as {
          event: string;
          delivery: string;
          alert: { kind: string };
        };
        const first = event === "alert.opened" && alert.kind === "node_dead" && !refused.has(delivery);
        if (first) refused.add(delivery);
        response.writeHead(first ? 503 : 204).end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new AlertSink(server);
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}
