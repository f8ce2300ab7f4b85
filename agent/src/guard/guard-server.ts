import { unlinkSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { type GuardAnswer, type GuardRequest, lineSplitter } from "./guard-message.ts";

/** Listens on a unix socket, taking the place of a dead guard's; null when a living guard has it. */
export async function listenAlone(path: string, onConnection: (socket: Socket) => void): Promise<Server | null> {
  for (let attempt = 0; attempt < 3; attempt += 1) {
    const server = createServer(onConnection);
    const failure = await new Promise<NodeJS.ErrnoException | null>((resolve) => {
      server.once("error", resolve);
      server.listen(path, () => resolve(null));
    });
    if (!failure) return server;
    if (failure.code !== "EADDRINUSE") throw failure;
    if (await answers(path)) return null;
    unlinkSync(path);
  }
  throw new Error(`${path} could not be taken over`);
}

/** Serves one connection: the answer to each line goes back before the next is looked at. */
export function serveLines(socket: Socket, answer: (request: GuardRequest) => GuardAnswer): void {
  const split = lineSplitter();
  socket.setEncoding("utf8");
  socket.on("error", () => socket.destroy());
  socket.on("data", (text: string) => {
    const lines = split(text);
    if (!lines) {
      socket.destroy();
      return;
    }
    for (const line of lines) {
      // The socket is mode 0600 in a folder of mode 0700: what comes is from this node's own agent.
      const request = JSON.parse(line) as GuardRequest;
      socket.write(`${JSON.stringify(answer(request))}\n`);
    }
  });
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
