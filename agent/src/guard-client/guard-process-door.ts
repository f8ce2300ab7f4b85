import { spawn } from "node:child_process";
import { closeSync, openSync, statSync, truncateSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { type GuardAnswer, lineSplitter } from "../guard/guard-message.ts";
import { type GuardSettings, guardSocketPath } from "../guard/guard-settings.ts";
import type { GuardConnection, GuardDoor } from "./guard-door.ts";
import { GUARD_FLAGS, installGuardProgram } from "./guard-program.ts";

const LOG_BYTES_MAX = 1 << 20;

/** The guard of a data folder as a process of its own behind a unix socket. */
export function guardProcessDoor(settings: GuardSettings, lifelineFd: number | null): GuardDoor {
  return {
    async dial() {
      const socket = await connected(guardSocketPath(settings));
      return socket && connectionOver(socket);
    },
    spawn(failed) {
      try {
        spawnGuard(settings, lifelineFd, failed);
      } catch (error) {
        failed(error);
      }
    },
  };
}

function connectionOver(socket: Socket): GuardConnection {
  return {
    send(request) {
      socket.write(`${JSON.stringify(request)}\n`);
    },
    serve(answered, closed) {
      const split = lineSplitter();
      socket.setEncoding("utf8");
      socket.on("error", () => socket.destroy());
      socket.on("data", (text: string) => {
        const lines = split(text);
        if (!lines) socket.destroy();
        for (const line of lines ?? []) answered(JSON.parse(line) as GuardAnswer);
      });
      socket.on("close", closed);
    },
    close() {
      socket.destroy();
    },
  };
}

function spawnGuard(settings: GuardSettings, lifelineFd: number | null, failed: (error: unknown) => void): void {
  const { logPath } = settings;
  try {
    if (statSync(logPath).size > LOG_BYTES_MAX) truncateSync(logPath, 0);
  } catch {
    // Not there yet.
  }
  const out = openSync(logPath, "a", 0o600);
  const { LORMAS_JOIN_TOKEN: _token, LORMAS_LIFELINE_FD: _fd, ...env } = process.env;
  try {
    const main = installGuardProgram(settings.runDir);
    const child = spawn(process.execPath, [...GUARD_FLAGS, main, JSON.stringify(settings)], {
      detached: true,
      cwd: "/",
      env: lifelineFd === null ? env : { ...env, LORMAS_LIFELINE_FD: "3" },
      stdio: ["ignore", out, out, ...(lifelineFd === null ? [] : [lifelineFd])],
    });
    child.on("error", failed);
    child.unref();
  } finally {
    closeSync(out);
  }
}

function connected(path: string): Promise<Socket | null> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => resolve(socket));
    socket.once("error", () => resolve(null));
  });
}
