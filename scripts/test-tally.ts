import { stripVTControlCharacters } from "node:util";

/** How a part of the run ended: every test is counted once. */
export type Tally = {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** One line for each failure: what and where. */
  readonly failures: readonly string[];
  /** One entry for each skipped test; the reason says how to get it, where the test gave one. */
  readonly skips: readonly { readonly test: string; readonly reason: string }[];
};

/** Nothing ran. */
export const EMPTY_TALLY: Tally = { passed: 0, failed: 0, skipped: 0, failures: [], skips: [] };

/** A part that failed as a whole, such as a runner that broke down. */
export const failure = (what: string): Tally => ({ ...EMPTY_TALLY, failed: 1, failures: [what] });

/** Characters of a failure's reason that are told: enough for what was expected and what came instead. */
const REASON_MAX = 600;

/** Why a test failed, in one line without colours, cut to REASON_MAX characters; "" for no message. */
export function reasonLine(message: string | undefined): string {
  const line = stripVTControlCharacters(message ?? "")
    .replace(/\s+/g, " ")
    .trim();
  return line.length > REASON_MAX ? `${line.slice(0, REASON_MAX)} …` : line;
}

/** A test that failed, and why: where only the end of a run's output is kept, this line is all there is to go by. */
export function failedTest(name: string, message: string | undefined): Tally {
  const reason = reasonLine(message);
  return failure(reason === "" ? name : `${name}: ${reason}`);
}

/** The sum of several parts, in order. */
export function sum(tallies: readonly Tally[]): Tally {
  return {
    passed: tallies.reduce((total, tally) => total + tally.passed, 0),
    failed: tallies.reduce((total, tally) => total + tally.failed, 0),
    skipped: tallies.reduce((total, tally) => total + tally.skipped, 0),
    failures: tallies.flatMap((tally) => tally.failures),
    skips: tallies.flatMap((tally) => tally.skips),
  };
}

/** The closing line: "N passed, N failed", with ", N skipped" only when something was. */
export function closingLine(tally: Tally): string {
  const skipped = tally.skipped === 0 ? "" : `, ${tally.skipped} skipped`;
  return `${tally.passed} passed, ${tally.failed} failed${skipped}`;
}

/** One line for each reason to skip, the most frequent first: "12 skipped: no Docker engine: … (first: …)". */
export function skipLines(tally: Tally): string[] {
  const byReason = new Map<string, string[]>();
  for (const { test, reason } of tally.skips) {
    const tests = byReason.get(reason);
    if (tests === undefined) byReason.set(reason, [test]);
    else tests.push(test);
  }
  return [...byReason]
    .sort(([, a], [, b]) => b.length - a.length)
    .map(([reason, tests]) => `${tests.length} skipped: ${reason} (${tests.length === 1 ? "" : "first: "}${tests[0]})`);
}

type PlaywrightSuite = {
  readonly title: string;
  readonly suites?: readonly PlaywrightSuite[];
  readonly specs?: readonly {
    readonly title: string;
    readonly file: string;
    readonly tests: readonly {
      readonly status: "expected" | "unexpected" | "flaky" | "skipped";
      readonly results: readonly { readonly error?: { readonly message?: string } }[];
      readonly annotations: readonly { readonly type: string; readonly description?: string }[];
    }[];
  }[];
};
/** The part of Playwright's JSON report that is read here. */
export type PlaywrightReport = {
  readonly suites: readonly PlaywrightSuite[];
  readonly errors: readonly { readonly message?: string }[];
};

/** Counts Playwright's JSON report. A test that passed only on a second try counts as failed. */
export function playwrightTally(report: PlaywrightReport): Tally {
  const ofSuite = (suite: PlaywrightSuite): Tally =>
    sum([
      ...(suite.suites ?? []).map(ofSuite),
      ...(suite.specs ?? []).flatMap((spec) =>
        spec.tests.map((test): Tally => {
          const name = `${spec.file} > ${spec.title}`;
          if (test.status === "expected") return { ...EMPTY_TALLY, passed: 1 };
          if (test.status !== "skipped") {
            const message = test.results.find(({ error }) => error !== undefined)?.error?.message;
            return failedTest(`${name}${test.status === "flaky" ? " (flaky)" : ""}`, message);
          }
          const why = test.annotations.find(({ type }) => type === "skip")?.description;
          return { ...EMPTY_TALLY, skipped: 1, skips: [{ test: name, reason: why ?? "the test gives no reason" }] };
        }),
      ),
    ]);
  const errors = report.errors.map(({ message }) =>
    failure(`playwright: ${(message ?? "unknown error").split("\n")[0]}`),
  );
  return sum([...report.suites.map(ofSuite), ...errors]);
}
