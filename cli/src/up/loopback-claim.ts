import { createServer, type Server } from "node:net";
import { CliFailure } from "../cli-failure.ts";
import { exitCode } from "../exit-code.ts";

/** Just below the host ports that containers get. */
const claimPort = 19_999;
const claimsMax = 250;

/**
 * A range of loopback addresses, 127.0.K.1 to 127.0.K.255, for one local fleet of this machine: nodes of two fleets
 * must not share an address, for each gives out the same host ports. Held by listening on a port of the first address
 * (connections are closed at once), so the claim ends with the process.
 */
export class LoopbackClaim {
  /** "127.0.K". */
  readonly prefix: string;
  readonly #server: Server;

  private constructor(prefix: string, server: Server) {
    this.prefix = prefix;
    this.#server = server;
  }

  /** Takes the first free range, K from 1 to 250; a CliFailure when none is free. */
  static async take(): Promise<LoopbackClaim> {
    for (let range = 1; range <= claimsMax; range += 1) {
      const server = await listen(`127.0.${range}.1`);
      if (server !== undefined) return new LoopbackClaim(`127.0.${range}`, server);
    }
    throw new CliFailure(
      exitCode.conflict,
      `all ranges of loopback addresses from 127.0.1 to 127.0.${claimsMax} are taken by other local fleets`,
      "end one of them",
    );
  }

  async release(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

/** Undefined when something listens there already. */
async function listen(host: string): Promise<Server | undefined> {
  const server = createServer((socket) => socket.destroy());
  return await new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") resolve(undefined);
      else reject(error);
    });
    server.listen(claimPort, host, () => {
      server.unref();
      resolve(server);
    });
  });
}
