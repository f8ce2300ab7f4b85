import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CliFailure } from "../cli-failure.ts";
import { exitCode } from "../exit-code.ts";
import { DataDir } from "../up/data-dir.ts";
import { chooseDataDir, findCoordinator } from "./coordinator-access.ts";

let directory: string;
let dataDir: DataDir;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "lormas-access-"));
  mkdirSync(join(directory, "run"));
  dataDir = new DataDir(directory);
});

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
