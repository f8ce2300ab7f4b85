import { statSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CliFailure } from "../cli-failure.ts";
import { systemClock } from "../clock.ts";
import { exitCode } from "../exit-code.ts";
import { ControlClient } from "./control-client.ts";
import { ControlSocket } from "./control-socket.ts";
import { DataDir, writeJsonFile } from "./data-dir.ts";
import { DataDirLock } from "./data-dir-lock.ts";
import { lineBytesMax } from "./json-lines.ts";
import { LoopbackClaim } from "./loopback-claim.ts";
import { ProcessFixture } from "./testing/process-fixture.ts";

let fixture: ProcessFixture;
let dataDir: DataDir;
let socket: ControlSocket;
let killed: string[];

beforeEach(async () => {
  fixture = new ProcessFixture();
  dataDir = DataDir.prepare(join(fixture.directory, "data"));
  killed = [];
  socket = new ControlSocket(dataDir.socket, async (request) => {
    if (request.op === "kill") {
      if (request.node === "node-9") throw new CliFailure(exitCode.notFound, "no node-9", "look");
      killed.push(request.node);
      return { ok: true, result: { killed: 3 } };
    }
    return { ok: true, result: { pid: 1, httpUrl: "", children: [] } };
  });
  await socket.listen();
});

afterEach(async () => {
  await socket.close();
  fixture.dispose();
});

/** Sends raw bytes; resolves with what came until the other side closed, or until a whole line is there. */
async function raw(bytes: string): Promise<string> {
  return await new Promise((resolve) => {
    let text = "";
    const client = connect(dataDir.socket, () => client.write(bytes));
    client.on("data", (chunk) => {
      text += String(chunk);
      if (text.endsWith("\n")) client.destroy();
    });
    client.on("error", () => undefined);
    client.on("close", () => resolve(text));
  });
}

describe("the control socket", () => {
  it("is for its owner alone", () => {
    expect(statSync(dataDir.socket).mode & 0o777).toBe(0o600);
    expect(statSync(dataDir.path).mode & 0o777).toBe(0o700);
  });

  it("answers requests, and refusals with message, code and next step", async () => {
    const client = new ControlClient(dataDir, systemClock);
    expect(await client.kill("node-1")).toBe(3);
    expect(killed).toEqual(["node-1"]);
    await expect(client.kill("node-9")).rejects.toMatchObject({ code: exitCode.notFound, nextStep: "look" });
  });

  it("refuses what is not a request and goes on serving", async () => {
    expect(await raw("GET / HTTP/1.1\n")).toContain('"ok":false');
    expect(await raw("x".repeat(lineBytesMax + 1))).toBe("");
    expect((await new ControlClient(dataDir, systemClock).status()).pid).toBe(1);
  });

  it("says that no fleet is running when there is none", async () => {
    await socket.close();
    const failure = new ControlClient(dataDir, systemClock).status();
    await expect(failure).rejects.toMatchObject({
      code: exitCode.unavailable,
      nextStep: expect.stringContaining("npm start"),
    });
    await socket.listen();
  });

  it("refuses a path that is too long for a socket", async () => {
    const long = new ControlSocket(join(fixture.directory, "x".repeat(110)), async () => ({ ok: true, result: {} }));
    await expect(long.listen()).rejects.toMatchObject({ nextStep: expect.stringContaining("--data-dir") });
  });
});

describe.runIf(process.platform === "linux")("the addresses of a local fleet", () => {
  it("are not those of another fleet, and free again after its end", async () => {
    const [one, two] = [await LoopbackClaim.take(), await LoopbackClaim.take()];
    expect(one.prefix).toMatch(/^127\.0\.\d+$/);
    expect(two.prefix).not.toBe(one.prefix);
    await one.release();
    const three = await LoopbackClaim.take();
    expect(three.prefix).toBe(one.prefix);
    await Promise.all([two.release(), three.release()]);
  });
});

describe("the lock on a data dir", () => {
  it("is held by one, names its pid to the other, and is free after its release", () => {
    const lock = DataDirLock.take(dataDir);
    writeJsonFile(dataDir.supervisorRecord, { pid: 4711 });
    expect(() => DataDirLock.take(dataDir)).toThrow("pid 4711");
    lock.release();
    DataDirLock.take(dataDir).release();
  });
});
