import { writeFileSync } from "node:fs";
import { relative } from "node:path";
import type { Reporter, SerializedError, TestCase, TestModule } from "vitest/node";
import { EMPTY_TALLY, failedTest, failure, sum, type Tally } from "./test-tally.ts";

/**
 * Writes what vitest did as a Tally, with the reason of every skipped test (vitest's own JSON report drops it). A test
 * file that could not be loaded and an error outside every test count as one failure each.
 */
export class VitestTallyReporter implements Reporter {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const parts = modules.map(moduleTally);
    const errors = unhandled.map((error) => failure(`error outside every test: ${error.message}`));
    writeFileSync(this.#path, JSON.stringify(sum([...parts, ...errors])));
  }
}

function moduleTally(module: TestModule): Tally {
  const file = relative(process.cwd(), module.moduleId);
  const parts: Tally[] = module.errors().map((error) => failure(`${file}: ${error.message.split("\n")[0]}`));
  for (const suite of module.children.allSuites()) {
    for (const error of suite.errors())
      parts.push(failure(`${file} > ${suite.fullName}: ${error.message.split("\n")[0]}`));
  }
  for (const test of module.children.allTests()) {
    const name = `${file} > ${test.fullName}`;
    const result = test.result();
    if (result.state === "passed") parts.push({ ...EMPTY_TALLY, passed: 1 });
    else if (result.state === "failed") parts.push(failedTest(name, told(result.errors[0])));
    else {
      const reason = result.state === "skipped" ? (result.note ?? "the test gives no reason") : "it never ran";
      parts.push({ ...EMPTY_TALLY, skipped: 1, skips: [{ test: name, reason }] });
    }
  }
  return sum(parts);
}

type FailedResult = Extract<ReturnType<TestCase["result"]>, { state: "failed" }>;

/** What the error says, the line of the test's own that it came from, and the difference where it is about one. */
function told(error: FailedResult["errors"][number] | undefined): string | undefined {
  if (!error) return undefined;
  const place = error.stacks?.find(({ file }) => !file.includes("node_modules"));
  const at = place ? ` (line ${place.line} of ${relative(process.cwd(), place.file)})` : "";
  return `${error.message}${at} ${error.diff ?? ""}`;
}
