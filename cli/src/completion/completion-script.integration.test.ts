import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { SHELLS } from "./completion-script.ts";

const repository = join(import.meta.dirname, "..", "..", "..");
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "lormas-completion-"));
});

afterEach(() => rmSync(directory, { recursive: true }));

const has = (shell: string): boolean => spawnSync(shell, ["--version"]).status === 0;

function run(shell: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const { status, stdout, stderr } = spawnSync(shell, args, {
    cwd: directory,
    encoding: "utf8",
    env: { PATH: `${repository}:${process.env["PATH"]}`, HOME: directory, LORMAS_DATA_DIR: directory, ...env },
  });
  return { status, out: stdout, err: stderr };
}

/** What bash would offer for these words, the last one being typed. */
function offered(words: readonly string[], line: string = words.join(" ")): string[] {
  const script = [
    "source <(lormas completion bash)",
    "compopt() { :; }", // It works only while readline completes.
    `COMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")})`,
    `COMP_LINE='${line}' COMP_POINT=${line.length} COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))`,
    "_lormas",
    `printf "%s\\n" "\${COMPREPLY[@]}"`,
  ];
  const { out, err } = run("bash", ["-c", script.join("\n")]);
  expect(err).toBe("");
  return out.split("\n").filter((word) => word !== "");
}

describe("bash", () => {
  it("completes commands, flags and their values", () => {
    expect(offered(["lormas", "contai"])).toEqual(["container"]);
    expect(offered(["lormas", "container", "s"])).toEqual(["show", "start", "stop", "suspend", "send", "stats"]);
    expect(offered(["lormas", "container", "create", "--eg"])).toEqual(["--egg"]);
    expect(offered(["lormas", "up", "--runtime", ""], "lormas up --runtime ")).toEqual(["auto", "docker", "exec"]);
  });

  it("completes behind the = and : at which it splits words", () => {
    expect(offered(["lormas", "node", "ls", "--output", "=", "j"], "lormas node ls --output=j")).toEqual(["json"]);
    expect(offered(["lormas", "node", "ls", "--output", "="], "lormas node ls --output=")).toEqual(["table", "json"]);
    const url = ["lormas", "node", "ls", "--url", "http", ":", "//a", ":", "1", "--out"];
    expect(offered(url, "lormas node ls --url http://a:1 --out")).toEqual(["--output"]);
  });

  it("completes files where a flag takes one, and contexts without asking anybody", () => {
    writeFileSync(join(directory, "token file"), "");
    expect(offered(["lormas", "node", "ls", "--token-file", "tok"])).toEqual(["token file"]);
    expect(offered(["lormas", "context", "use", ""], "lormas context use ")).toEqual(["local"]);
  });
});

describe("names from the API", () => {
  it("are silently none without a coordinator, and within 1 s with one that says nothing", async () => {
    expect(run("lormas", ["__complete", "--", "container", "show", ""])).toEqual({
      status: 0,
      out: ":done\n",
      err: "",
    });
    const silent = createServer(() => {}).listen(0, "127.0.0.1");
    await new Promise((resolve) => silent.once("listening", resolve));
    const address = silent.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    const idle = run("lormas", ["__complete", "--", "node", "show", ""], { LORMAS_URL: "http://127.0.0.1:1" });
    expect(idle).toEqual({ status: 0, out: ":done\n", err: "" });
    const env = { LORMAS_URL: `http://127.0.0.1:${address.port}`, LORMAS_TOKEN: "t" };
    const begunMs = performance.now();
    expect(run("lormas", ["__complete", "--", "node", "show", ""], env)).toEqual({
      status: 0,
      out: ":done\n",
      err: "",
    });
    const tookMs = performance.now() - begunMs;
    silent.close();
    // The rest is the start of Node on a busy machine.
    expect(tookMs).toBeLessThan(6_000);
  });

  it("are silently none with a damaged file of contexts", () => {
    writeFileSync(join(directory, "contexts.json"), "{");
    const env = { LORMAS_DATA_DIR: "", XDG_CONFIG_HOME: directory };
    expect(run("lormas", ["__complete", "--", "node", "show", ""], env)).toMatchObject({ status: 0, err: "" });
  });
});

describe.each(SHELLS)("the script for %s", (shell) => {
  it("is one that the shell can read", (context) => {
    if (!has(shell) && process.env["LORMAS_TEST_REQUIRE"] !== "1") context.skip(`apt-get install ${shell}`);
    const script = join(directory, "script");
    writeFileSync(script, run("lormas", ["completion", shell]).out);
    expect(run(shell, ["-n", script])).toEqual({ status: 0, out: "", err: "" });
  });

  it("asks the CLI for everything, and so never goes stale", () => {
    const { out } = run("lormas", ["completion", shell]);
    expect(out).toContain("__complete --");
    expect(out).not.toMatch(/container|--output/);
  });
});

it("another shell is refused with those that there are", () => {
  const { status, err } = run("lormas", ["completion", "tcsh"]);
  expect(status).toBe(2);
  expect(err).toContain("bash, zsh, fish");
});
