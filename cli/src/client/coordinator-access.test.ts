import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CliFailure } from "../cli-failure.ts";
import { exitCode } from "../exit-code.ts";
import { DataDir } from "../up/data-dir.ts";
import { ContextStore } from "./context-store.ts";
import { type AccessFlags, chooseDataDir, findCoordinator as find } from "./coordinator-access.ts";

let directory: string;
let dataDir: DataDir;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "lormas-access-"));
  mkdirSync(join(directory, "run"));
  dataDir = new DataDir(directory);
});

const store = () => new ContextStore({ XDG_CONFIG_HOME: directory });
const findCoordinator = (flags: AccessFlags, env: NodeJS.ProcessEnv, local: DataDir) =>
  find(flags, env, local, store());

afterEach(() => rmSync(directory, { recursive: true }));

function startLocal(): void {
  writeFileSync(dataDir.coordinatorRecord, JSON.stringify({ pid: 1, httpUrl: "http://127.0.0.1:8080" }));
  writeFileSync(dataDir.adminToken, "local-token\n");
}

function failureOf(action: () => unknown): CliFailure {
  try {
    action();
  } catch (error) {
    if (error instanceof CliFailure) return error;
    throw error;
  }
  throw new Error("it did not fail");
}

describe("finding the coordinator", () => {
  it("takes the local one by itself", () => {
    startLocal();
    expect(findCoordinator({}, {}, dataDir)).toEqual({ url: "http://127.0.0.1:8080", token: "local-token" });
  });

  it("lets the environment win over the data dir, and flags over the environment", () => {
    startLocal();
    const file = join(directory, "token");
    writeFileSync(file, "file-token");
    const env = { LORMAS_URL: "https://one.example/", LORMAS_TOKEN: "env-token" };
    expect(findCoordinator({}, env, dataDir)).toEqual({ url: "https://one.example", token: "env-token" });
    const flags = { url: "https://two.example", tokenFile: file };
    expect(findCoordinator(flags, env, dataDir)).toEqual({ url: "https://two.example", token: "file-token" });
    const byFile = { LORMAS_URL: "https://one.example", LORMAS_TOKEN_FILE: file };
    expect(findCoordinator({}, byFile, dataDir).token).toBe("file-token");
  });

  it("never sends the local token to another coordinator", () => {
    startLocal();
    const failure = failureOf(() => findCoordinator({ url: "http://elsewhere.example:8080" }, {}, dataDir));
    expect(failure.code).toBe(exitCode.refused);
    expect(failure.nextStep).toContain("LORMAS_TOKEN");
  });

  it("says what to do when none is known, the address is none, or the token is none", () => {
    expect(failureOf(() => findCoordinator({}, {}, dataDir)).nextStep).toContain("npm start");
    startLocal();
    expect(failureOf(() => findCoordinator({ url: "file:///x" }, {}, dataDir)).code).toBe(exitCode.usage);
    const twoLines = { LORMAS_TOKEN: "a\nb" };
    expect(failureOf(() => findCoordinator({}, twoLines, dataDir)).message).toContain("LORMAS_TOKEN");
    expect(failureOf(() => findCoordinator({ tokenFile: "/nonexistent" }, {}, dataDir)).message).toContain(
      "/nonexistent",
    );
  });

  it("has its data dir in the repository unless told otherwise", () => {
    expect(chooseDataDir({}, {}, "/repo").path).toBe("/repo/.lormas");
    expect(chooseDataDir({}, { LORMAS_DATA_DIR: "/data" }, "/repo").path).toBe("/data");
    expect(chooseDataDir({ dataDir: "/flag" }, { LORMAS_DATA_DIR: "/data" }, "/repo").path).toBe("/flag");
  });
});

describe("stored contexts", () => {
  const credential = { kind: "token", secret: "context-token" } as const;

  it("give the coordinator and its token: the one named, else the current one", () => {
    startLocal();
    store().put("prod", { url: "https://prod.example", credential, ca: "PEM" }, true);
    const prod = { url: "https://prod.example", token: "context-token", ca: "PEM" };
    expect(findCoordinator({}, {}, dataDir)).toEqual(prod);
    store().put("test", { url: "https://test.example", credential }, false);
    expect(findCoordinator({}, {}, dataDir)).toEqual(prod);
    expect(findCoordinator({}, { LORMAS_CONTEXT: "test" }, dataDir).url).toBe("https://test.example");
    expect(findCoordinator({ context: "prod" }, { LORMAS_CONTEXT: "test" }, dataDir)).toEqual(prod);
    expect(findCoordinator({ context: "local" }, {}, dataDir).token).toBe("local-token");
  });

  it("stand behind an address, and behind a data dir that is named", () => {
    startLocal();
    store().put("prod", { url: "https://prod.example", credential }, true);
    expect(findCoordinator({ dataDir: directory }, {}, dataDir).token).toBe("local-token");
    expect(findCoordinator({}, { LORMAS_DATA_DIR: directory }, dataDir).token).toBe("local-token");
    const elsewhere = { LORMAS_URL: "https://two.example", LORMAS_TOKEN: "t" };
    expect(findCoordinator({}, elsewhere, dataDir).url).toBe("https://two.example");
    const both = failureOf(() => findCoordinator({ context: "prod", url: "https://x" }, {}, dataDir));
    expect(both.code).toBe(exitCode.usage);
  });

  it("never get another coordinator's token, nor is theirs sent elsewhere", () => {
    startLocal();
    store().put("prod", { url: "https://prod.example", credential }, true);
    expect(findCoordinator({}, { LORMAS_TOKEN: "for-another" }, dataDir).token).toBe("context-token");
    expect(failureOf(() => findCoordinator({ url: "https://prod.example" }, {}, dataDir)).code).toBe(exitCode.refused);
    store().put("bare", { url: "https://bare.example" }, false);
    const bare = failureOf(() => findCoordinator({ context: "bare" }, {}, dataDir));
    expect(bare.nextStep).toBe("lormas login --context bare");
  });

  it("send a session as a cookie, not as a token", () => {
    const session = { kind: "session", secret: "lormas.session_token=x.y", email: "a@b.c" } as const;
    store().put("mine", { url: "https://prod.example", credential: session }, true);
    expect(findCoordinator({}, {}, dataDir)).toEqual({
      url: "https://prod.example",
      session: "lormas.session_token=x.y",
    });
  });
});
