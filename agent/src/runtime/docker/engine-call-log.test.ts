import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Docker from "dockerode";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import { CommandScope } from "../command-scope.ts";
import { logEngineCalls } from "./engine-call-log.ts";

type Line = Readonly<Record<string, unknown>>;

let folder: string;
let engine: Server;
let docker: Docker;
let lines: Line[];
const commands = new CommandScope();

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "lormas-engine-log-"));
  const socketPath = join(folder, "docker.sock");
  // Takes everything but a container called "web".
  engine = createServer((request, response) => {
    request.resume();
    const refused = request.url?.includes("name=web") ?? false;
    response.writeHead(refused ? 409 : 200, { "content-type": "application/json" });
    response.end(JSON.stringify(refused ? { message: "the name web is taken; PASSWORD=hunter2" } : { Id: "one" }));
  });
  await new Promise<void>((resolve) => engine.listen(socketPath, resolve));
  docker = new Docker({ socketPath });
  lines = [];
  logEngineCalls(docker, pino({ level: "debug" }, { write: (line: string) => lines.push(JSON.parse(line)) }), commands);
});

afterEach(() => {
  engine.closeAllConnections();
  engine.close();
  rmSync(folder, { recursive: true, force: true });
});

const INFO = 30;
const DEBUG = 20;

test("a call that changes the engine for a command has a line with the request's id; its body and words have not", async () => {
  const name = { commandId: "c-1", requestId: "move-web-1" };
  const refused = commands.within(name, async () => {
    await docker.createVolume({ Name: "data" });
    await docker.createContainer({ name: "web", Image: "i", Env: ["PASSWORD=hunter2"] });
  });
  await expect(refused).rejects.toThrow("is taken");
  expect(lines).toEqual([
    expect.objectContaining({ ...name, level: INFO, method: "POST", path: "/volumes/create", msg: "engine call done" }),
    expect.objectContaining({
      ...name,
      level: INFO,
      path: "/containers/create",
      status: 409,
      msg: "engine call refused",
    }),
  ]);
  expect(JSON.stringify(lines)).not.toContain("hunter2");
});

test("looks at the engine, and what is done for no command, are told at the level debug", async () => {
  await commands.within({ commandId: "c-1" }, () => docker.getContainer("one").inspect());
  await docker.createVolume({ Name: "data" });
  await commands.within({ commandId: "c-1" }, () => docker.getContainer("one").exec({ Cmd: ["true"] }));
  expect(lines.map(({ level, path, commandId }) => [level, path, commandId])).toEqual([
    [DEBUG, "/containers/one/json", "c-1"],
    [DEBUG, "/volumes/create", undefined],
    [DEBUG, "/containers/one/exec", "c-1"],
  ]);
});
