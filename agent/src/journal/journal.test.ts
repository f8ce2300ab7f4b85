import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Journal, PENDING_RECORDS_MAX } from "./journal.ts";

let dataDir: string;
const path = () => join(dataDir, "journal.log");

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "lormas-journal-"));
});
afterEach(() => rmSync(dataDir, { recursive: true }));

test("what was appended is there after a restart, mode 0600", async () => {
  const journal = await Journal.open(dataDir);
  await Promise.all([
    journal.append({ kind: "term", term: "7" }),
    journal.append({ kind: "session", session: "3" }),
    journal.append({ kind: "closed", containerId: "c", epoch: "5" }),
  ]);
  expect(journal.state.term).toBe(7n);
  await journal.close();
  const again = await Journal.open(dataDir);
  expect(again.state).toMatchObject({ term: 7n, session: 3n });
  expect(again.state.containers.get("c")?.closedEpoch).toBe(5n);
  expect(statSync(path()).mode & 0o777).toBe(0o600);
  await again.close();
});

test("a record is not part of the state before it is on disk", async () => {
  const journal = await Journal.open(dataDir);
  const appended = journal.append({ kind: "term", term: "7" });
  expect(journal.state.term).toBe(0n);
  await appended;
  expect(journal.state.term).toBe(7n);
  await journal.close();
});

test("a last line torn at any byte is dropped and the rest kept", async () => {
  const journal = await Journal.open(dataDir);
  await journal.append({ kind: "term", term: "7" });
  const whole = statSync(path()).size;
  await journal.append({ kind: "session", session: "3" });
  await journal.close();
  const text = readFileSync(path());
  for (let size = whole; size < text.length; size += 1) {
    writeFileSync(path(), text);
    truncateSync(path(), size);
    const torn = await Journal.open(dataDir);
    expect(torn.state).toMatchObject({ term: 7n, session: 0n });
    await torn.close();
  }
});

test("damage before the last line is refused with the line and the next step", async () => {
  const journal = await Journal.open(dataDir);
  await journal.append({ kind: "term", term: "7" });
  await journal.append({ kind: "session", session: "3" });
  await journal.close();
  const lines = readFileSync(path(), "utf8").split("\n");
  lines[3] = (lines[3] ?? "").replace('"7"', '"1"');
  writeFileSync(path(), lines.join("\n"));
  await expect(Journal.open(dataDir)).rejects.toThrow(/damaged at line 4.*enrol it anew/);
});

test("more records than the bound are refused, not piled up", async () => {
  const journal = await Journal.open(dataDir);
  const appends = Array.from({ length: PENDING_RECORDS_MAX + 1 }, (_, n) =>
    journal.append({ kind: "term", term: String(n) }).then(
      () => "stored",
      () => "refused",
    ),
  );
  expect((await Promise.all(appends)).filter((outcome) => outcome === "refused")).toHaveLength(1);
  await journal.close();
});

test.runIf(process.platform === "linux")(
  "a disk that takes no more is told once, and nothing is accepted after it",
  () => {
    // A process whose files may not grow beyond 8 KiB: its writes fail as on a full disk.
    const script = `
    const { Journal } = await import(${JSON.stringify(new URL("./journal.ts", import.meta.url).href)});
    const journal = await Journal.open(process.argv[1]);
    journal.broken.then((fault) => console.log("broken: " + fault.message));
    const append = () => journal.append({ kind: "term", term: "7".repeat(1000) }).then(() => true, () => false);
    let stored = 0;
    while (await append()) stored += 1;
    console.log(stored > 0 ? "stored before" : "stored nothing", await append());`;
    const limited = "trap '' XFSZ; ulimit -f 8; exec \"$@\"";
    const args = ["-c", limited, "sh", process.execPath, "--input-type=module", "-e", script, dataDir];
    const out = spawnSync("bash", args, { encoding: "utf8", timeout: 20_000 });
    expect(out.stdout.trim().split("\n")).toEqual([
      expect.stringMatching(/^broken: .*journal.log cannot be written: .*make room or replace the disk/),
      "stored before false",
    ]);
  },
);
