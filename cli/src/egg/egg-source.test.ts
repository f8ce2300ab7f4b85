import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { CliFailure } from "../cli-failure.ts";
import { type Clock, systemClock } from "../clock.ts";
import { EGG_BYTES_MAX, eggTexts } from "./egg-source.ts";
import { FETCH_MS_MAX, fetchEgg } from "./fetch-egg.ts";

let directory: string;
const ends: (() => void)[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "lormas-eggs-"));
});
afterEach(() => {
  for (const end of ends.splice(0)) end();
  rmSync(directory, { recursive: true });
});

const put = (name: string, content: string | Uint8Array): string => {
  const path = join(directory, name);
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, content);
  return path;
};
const all = async (sources: string[], clock: Clock = systemClock): Promise<string[]> => {
  const said: string[] = [];
  for await (const { source, text } of eggTexts(sources, clock)) {
    said.push(
      `${source.replace(directory, "")}=${text instanceof CliFailure ? `(${text.code}) ${text.message}` : text}`,
    );
  }
  return said;
};
const serve = (listener: RequestListener): Promise<string> =>
  new Promise((resolve) => {
    const server = createServer(listener).listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve(`http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`);
    });
    ends.push(() => {
      server.closeAllConnections();
      server.close();
    });
  });

test("a directory stands for the eggs below it, in order; a file for itself, whatever its name", async () => {
  put("b.json", "1");
  put("a/deep/egg.YAML", "2");
  put("a/egg.yml", "3");
  put("readme.md", "no");
  put(".git/x.json", "no");
  const named = put("egg", "4");
  expect(await all([directory, named])).toEqual(["/a/deep/egg.YAML=2", "/a/egg.yml=3", "/b.json=1", "/egg=4"]);
});

test("what cannot be read is a failure of its own, and the rest is read", async () => {
  put("a.json", new Uint8Array([0xff, 0xfe]));
  put("b.json", "fine");
  const missing = join(directory, "missing.json");
  const [bytes, fine, gone] = await all([directory, missing]);
  expect(bytes).toContain("no text in UTF-8");
  expect(fine).toBe("/b.json=fine");
  expect(gone).toMatch(/^\/missing\.json=\(3\) .*cannot be read/);
});

test("a file of the greatest size is read, and one byte more is refused", async () => {
  put("a.json", "x".repeat(EGG_BYTES_MAX));
  put("b.json", "x".repeat(EGG_BYTES_MAX + 1));
  const [taken, refused] = await all([directory]);
  expect(taken).toHaveLength(EGG_BYTES_MAX + "/a.json=".length);
  expect(refused).toContain(`more than ${EGG_BYTES_MAX} bytes`);
});

test("a directory without eggs is told", async () => {
  put("readme.md", "no");
  await expect(all([directory])).rejects.toThrow("there is no egg in");
});

test("a URL is followed and read; a page, an error, too many bytes and nobody there are told apart", async () => {
  const url = await serve((request, response) => {
    const answers: Record<string, () => void> = {
      "/moved": () => response.writeHead(302, { location: "/egg.json" }).end(),
      "/egg.json": () => response.writeHead(200, { "content-type": "text/plain" }).end("{}"),
      "/page": () => response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end("<p>"),
      "/large": () => response.writeHead(200, { "content-type": "text/plain" }).end("x".repeat(EGG_BYTES_MAX + 1)),
    };
    (answers[request.url ?? ""] ?? (() => response.writeHead(404).end()))();
  });
  const paths = ["/moved", "/page", "/large", "/none"].map((path) => url + path);
  const [moved, page, large, none, nobody] = await all([...paths, "http://127.0.0.1:1/egg.json"]);
  expect(moved).toBe(`${url}/moved={}`);
  expect(page).toContain("a web page");
  expect(large).toContain("more than");
  expect(none).toContain("(3)");
  expect(nobody).toContain("gives no egg");
});

test("what an egg itself names is fetched by https and from public addresses alone; nothing is connected to otherwise", async () => {
  const seen: string[] = [];
  const port = new URL(await serve((request) => seen.push(request.url ?? ""))).port;
  const refusal = (url: string) =>
    fetchEgg(url, EGG_BYTES_MAX, systemClock, "public").then(
      () => "fetched",
      (thrown: unknown) => (thrown instanceof CliFailure ? `(${thrown.code}) ${thrown.message}` : String(thrown)),
    );
  expect(await refusal(`http://example.org:${port}/`)).toMatch(/^\(4\) .* is not fetched: http is not https$/);
  expect(await refusal("file:///etc/passwd")).toMatch(/^\(4\) .*file is not https$/);
  for (const host of [
    "127.0.0.1",
    "2130706433",
    "0x7f.1",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "169.254.169.254",
    "10.1.2.3",
  ]) {
    expect(await refusal(`https://${host}:${port}/`)).toMatch(
      /^\(4\) .* is not fetched: .*, which is no public address$/,
    );
  }
  // By its name, which is looked up.
  expect(await refusal(`https://localhost:${port}/`)).toMatch(/^\(4\) .*localhost is .*, which is no public address$/);
  expect(seen).toEqual([]);
});

test("a URL that redirects for ever, or to another scheme, gives nothing", async () => {
  const url = await serve((request, response) => {
    const location = request.url === "/file" ? "file:///etc/passwd" : "/again";
    response.writeHead(307, { location }).end();
  });
  const [again, scheme] = await all([`${url}/again`, `${url}/file`]);
  expect(again).toContain("it redirects more than 5 times");
  expect(scheme).toContain("file is neither http nor https");
});

test("a URL that does not answer is given up when its time is over", async () => {
  const asked = Promise.withResolvers<void>();
  const url = await serve(() => asked.resolve());
  let over = (): void => expect.fail("no bound was set");
  const clock: Clock = {
    ...systemClock,
    after: (ms, callback) => {
      expect(ms).toBe(FETCH_MS_MAX);
      over = callback;
      return () => {};
    },
  };
  const answer = all([url], clock);
  await asked.promise;
  over();
  expect(await answer).toEqual([`${url}=(7) ${url} does not answer within 30 s`]);
});
