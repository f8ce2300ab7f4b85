import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { CliFailure } from "../cli-failure.ts";
import { type Clock, systemClock } from "../clock.ts";
import { exitCode } from "../exit-code.ts";
import { ANSWER_LENGTH_MAX, ANSWER_MS_MAX, Asker, PIPED_BYTES_MAX } from "./ask.ts";

/** A terminal that a test types on; `raw` says which modes were set. */
function terminal(clock: Clock = systemClock) {
  const raw: boolean[] = [];
  const input = Object.assign(new PassThrough(), { isTTY: true, setRawMode: (mode: boolean) => raw.push(mode) });
  const output = new PassThrough();
  let shown = "";
  output.on("data", (chunk: Buffer) => {
    shown += chunk.toString();
  });
  return { input, raw, shown: () => shown, asker: new Asker(input, output, clock) };
}

async function failureOf(answer: Promise<unknown>): Promise<CliFailure> {
  const error = await answer.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof CliFailure) return error;
  throw new Error(`it did not fail: ${error}`);
}

describe("asking on the terminal", () => {
  it("shows nothing of a hidden answer, and gives the terminal back as it was", async () => {
    const { input, raw, shown, asker } = terminal();
    const answer = asker.line("Password", true, "");
    input.write("hunter\u007f\u007f2é日\r");
    expect(await answer).toBe("hunt2é日");
    expect(shown()).toBe("Password: \n");
    expect(raw).toEqual([true, false]);
  });

  it("takes a character that arrives in two pieces as one", async () => {
    const { input, asker } = terminal();
    const answer = asker.line("Password", true, "");
    const bytes = Buffer.from("é\n");
    input.write(bytes.subarray(0, 1));
    input.write(bytes.subarray(1));
    expect(await answer).toBe("é");
  });

  it("shows what is typed otherwise, lets it be taken back, and takes no arrow keys", async () => {
    const { input, shown, asker } = terminal();
    const answer = asker.line("E-mail", false, "");
    input.write("ab\u007f\u001b[A\u001bOBc\n");
    expect(await answer).toBe("ac");
    expect(shown()).toBe("E-mail: ab\b \bc\n");
  });

  it.each(["\u0003", "\u0004"])("ends at Ctrl-C and Ctrl-D (%j), with the terminal as it was", async (key) => {
    const { input, raw, asker } = terminal();
    const answer = failureOf(asker.line("Password", true, ""));
    input.write(key);
    expect((await answer).code).toBe(exitCode.failed);
    expect(raw).toEqual([true, false]);
  });

  it("ends when nobody answers within five minutes, and takes no more than 1,024 characters", async () => {
    let ring: () => void = () => {};
    const bounds: number[] = [];
    const clock: Clock = {
      ...systemClock,
      after: (ms, callback) => {
        bounds.push(ms);
        ring = callback;
        return () => {};
      },
    };
    const { asker, input } = terminal(clock);
    const answer = failureOf(asker.line("Password", true, ""));
    ring();
    expect((await answer).code).toBe(exitCode.timedOut);
    expect(bounds).toEqual([ANSWER_MS_MAX]);
    const long = asker.line("Password", true, "");
    input.write(`${"x".repeat(ANSWER_LENGTH_MAX + 1)}\n`);
    expect(await long).toHaveLength(ANSWER_LENGTH_MAX);
  });

  it("says what to do instead where there is no terminal", async () => {
    const asker = new Asker(new PassThrough(), new PassThrough(), systemClock);
    const failure = await failureOf(asker.line("Password", true, "use --token-stdin"));
    expect(failure.code).toBe(exitCode.usage);
    expect(failure.nextStep).toBe("use --token-stdin");
  });
});

describe("a secret that is piped in", () => {
  it("loses its line end, and only that", async () => {
    const input = new PassThrough();
    input.end(" secret \r\n");
    expect(await new Asker(input, new PassThrough(), systemClock).piped("the token")).toBe(" secret ");
  });

  it("is refused from a terminal, and above 64 KiB", async () => {
    const { asker } = terminal();
    expect((await failureOf(asker.piped("the token"))).message).toContain("stdin is a terminal");
    const exact = new PassThrough();
    exact.end("x".repeat(PIPED_BYTES_MAX));
    expect(await new Asker(exact, new PassThrough(), systemClock).piped("it")).toHaveLength(PIPED_BYTES_MAX);
    const more = new PassThrough();
    more.end("x".repeat(PIPED_BYTES_MAX + 1));
    const failure = await failureOf(new Asker(more, new PassThrough(), systemClock).piped("it"));
    expect(failure.message).toContain("larger than");
  });
});
