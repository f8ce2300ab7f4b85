import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { FOLDER_FILES, failpointsAskedFor, RECORDING } from "./armed-folder.ts";
import { FAILPOINT_VARIABLE, Failpoints, parseFailpoint, pointsOf, sitesOf } from "./failpoints.ts";

const SITES = new Set(["port.write", "port.tell", "port.write.big", "stream.hello"]);

/** A port as ours are: a class with private fields. */
class Port {
  readonly #written: string[] = [];
  readonly name = "port";
  async write(text: string): Promise<number> {
    if (text === "bad") throw new Error("refused");
    await Promise.resolve();
    return this.#written.push(text);
  }
  tell(): boolean {
    return this.#written.length > 0;
  }
  read(): readonly string[] {
    return this.#written;
  }
}
const EFFECTS = { name: "read", write: "durable", tell: "send", read: "read" } as const;

describe("a failpoint as text", () => {
  test("names a site, a moment, an action and at which reaching", () => {
    const first = { site: "port.write", moment: "before", action: "kill", nth: 1 };
    expect(parseFailpoint("port.write:before:kill", SITES)).toEqual(first);
    expect(parseFailpoint(" port.tell:after:stop:nth=3\n", SITES)).toEqual({
      ...{ site: "port.tell", moment: "after", action: "stop", nth: 3 },
    });
  });

  test.each([
    ["port.write", "write SITE:before|after:kill|stop"],
    ["port.write:during:kill", "write SITE"],
    ["port.write:before:pause", "write SITE"],
    ["port.write:before:kill:nth=0", "write SITE"],
    ["port.write:before:kill:nth=2:x", "write SITE"],
    ["port.wrote:before:kill", "none of: port.tell, port.write"],
  ])("that is %j is refused, and what is right is said", (text, reason) => {
    expect(() => parseFailpoint(text, SITES)).toThrow(reason);
  });
});

describe("around a port", () => {
  const seen: string[] = [];
  const points = new Failpoints((site, moment) => seen.push(`${site}:${moment}`));
  beforeEach(() => void seen.splice(0));

  test("every call is as it was, and what is no read is told before and after", async () => {
    const port = points.around<Port>("port", new Port(), EFFECTS, (_, [text]) =>
      text === "big" ? ["port.write.big"] : [],
    );
    const writing = port.write("small");
    expect(seen).toEqual(["port.write:before"]);
    expect(await writing).toBe(1);
    expect(seen).toEqual(["port.write:before", "port.write:after"]);
    expect([port.tell(), port.read(), port.name]).toEqual([true, ["small"], "port"]);
    expect(await port.write("big")).toBe(2);
    expect(seen.slice(2)).toEqual([
      ...["port.tell:before", "port.tell:after"],
      ...["port.write:before", "port.write.big:before", "port.write:after", "port.write.big:after"],
    ]);
    expect(sitesOf("port", EFFECTS)).toEqual(["port.write", "port.tell"]);
    expect(pointsOf(["a"])).toEqual(["a:before", "a:after"]);
  });

  test("what failed has an after, too: it may have done half of it", async () => {
    const port = points.around<Port>("port", new Port(), EFFECTS);
    await expect(port.write("bad")).rejects.toThrow("refused");
    expect(seen).toEqual(["port.write:before", "port.write:after"]);
  });

  test("a message has been sent once the transport has taken it", async () => {
    let take: (() => void) | undefined;
    const stream = new Writable({
      objectMode: true,
      write: (_message, _encoding, taken) => {
        take = taken;
      },
    });
    const told = new Promise<void>((resolve) => {
      points.onStream("stream", stream).write({ message: { case: "hello" } }, () => resolve());
    });
    expect(seen).toEqual(["stream.hello:before"]);
    take?.();
    await told;
    expect(seen).toEqual(["stream.hello:before", "stream.hello:after"]);
  });
});

describe("as the environment asks for", () => {
  let folder: string;
  let ends: string[];
  const hands = { kill: () => void ends.push("kill"), stop: () => void ends.push("stop") };
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "lormas-failpoints-"));
    ends = [];
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const asked = (value: string) => failpointsAskedFor({ [FAILPOINT_VARIABLE]: value }, SITES, hands);
  const portOf = (points: Failpoints | null) => points?.around<Port>("port", new Port(), EFFECTS) ?? expect.fail();

  test("nothing is there when it asks for nothing", () => {
    expect(failpointsAskedFor({}, SITES, hands)).toBeNull();
    expect(() => asked("nonsense:before:kill")).toThrow("none of");
  });

  test("the process ends at the reaching that was asked for, and at no other", async () => {
    const port = portOf(asked("port.write:after:stop:nth=2"));
    await port.write("one");
    expect(ends).toEqual([]);
    await port.write("two");
    await port.write("three");
    expect(ends).toEqual(["stop"]);
  });

  test("a folder arms a running process, and of several only the first that gets there", async () => {
    const [one, other] = [portOf(asked(`@${folder}`)), portOf(asked(`@${folder}`))];
    await one.write("unarmed");
    writeFileSync(join(folder, FOLDER_FILES.armed), "port.write:before:kill");
    await one.write("armed");
    await other.write("late");
    expect(ends).toEqual(["kill"]);
    expect(existsSync(join(folder, FOLDER_FILES.armed))).toBe(false);
    expect(existsSync(join(folder, FOLDER_FILES.hit))).toBe(true);
    writeFileSync(join(folder, FOLDER_FILES.armed), "somebody.elses:before:kill");
    await one.write("not mine");
    expect(ends).toEqual(["kill"]);
  });

  test("a folder that says so is told what is reached", async () => {
    const port = portOf(asked(`@${folder}`));
    writeFileSync(join(folder, FOLDER_FILES.armed), RECORDING);
    await port.write("x");
    port.read();
    expect(readFileSync(join(folder, FOLDER_FILES.reached), "utf8")).toBe("port.write:before\nport.write:after\n");
    expect(ends).toEqual([]);
  });
});
