import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { firstTarEntry, TooLong, tarOfFile } from "./tar-file.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "lormas-tar-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

async function* chunks(bytes: Uint8Array, sizeBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += sizeBytes) yield bytes.subarray(at, at + sizeBytes);
}

test("the system's tar unpacks what is written, folders and mode included", () => {
  writeFileSync(
    join(folder, "a.tar"),
    tarOfFile({ name: "x/y/z.sh", mode: 0o750, uid: 0, gid: 0 }, Buffer.from("hé\n")),
  );
  execFileSync("tar", ["-C", folder, "--no-same-owner", "-xf", join(folder, "a.tar")]);
  expect(readFileSync(join(folder, "x/y/z.sh"), "utf8")).toBe("hé\n");
  expect(statSync(join(folder, "x/y/z.sh")).mode & 0o777).toBe(0o750);
});

test("what is written is read again, in chunks of any size", async () => {
  const archive = tarOfFile({ name: "z", mode: 0o640, uid: 988, gid: 7 }, Buffer.alloc(1_000, 5));
  for (const sizeBytes of [1, 511, 512, 513, 100_000]) {
    const entry = await firstTarEntry(chunks(archive, sizeBytes), 1_000);
    expect(entry).toMatchObject({ name: "z", mode: 0o640, uid: 988, gid: 7, isFile: true });
    expect(entry?.content).toEqual(Buffer.alloc(1_000, 5));
  }
});

test("a file at the bound is read and one above is not", async () => {
  const archive = tarOfFile({ name: "z", mode: 0o640, uid: 0, gid: 0 }, Buffer.alloc(11));
  expect((await firstTarEntry(chunks(archive, 4_096), 11))?.content.length).toBe(11);
  await expect(firstTarEntry(chunks(archive, 4_096), 10)).rejects.toBeInstanceOf(TooLong);
});

test("of a folder the first entry is read and nothing behind it; of an archive in PAX form the file", async () => {
  writeFileSync(join(folder, "file"), "content");
  const whole = execFileSync("tar", ["-C", folder, "--format=pax", "--pax-option=comment=hi", "-cf", "-", "file"]);
  expect((await firstTarEntry(chunks(whole, 4_096), 10_000))?.content.toString()).toBe("content");
  const of = execFileSync("tar", ["-C", tmpdir(), "-cf", "-", folder.slice(tmpdir().length + 1)]);
  expect(await firstTarEntry(chunks(of, 4_096), 0)).toMatchObject({ isFile: false, content: Buffer.alloc(0) });
});

test("an archive without an end, or none at all, is told apart from an empty one", async () => {
  expect(await firstTarEntry(chunks(Buffer.alloc(1_024), 512), 10)).toBeNull();
  const archive = tarOfFile({ name: "z", mode: 0o640, uid: 0, gid: 0 }, Buffer.alloc(600));
  await expect(firstTarEntry(chunks(archive.subarray(0, 700), 512), 1_000)).rejects.toThrow("ends before its file");
  await expect(firstTarEntry(chunks(Buffer.alloc(512, 120), 512), 1_000)).rejects.toThrow("is none");
});
