/** How `lormas` ends. Documented in docs/cli.md; programs may depend on the numbers. */
export const exitCode = {
  ok: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  refused: 4,
  unavailable: 5,
  conflict: 6,
  timedOut: 7,
} as const;

export type ExitCode = (typeof exitCode)[keyof typeof exitCode];

/** For `lormas --help`. */
export const exitCodeHelp = `
Exit codes:
  0  done
  1  failed
  2  wrong use: unknown command, flag or value
  3  the thing named does not exist
  4  refused: not signed in, or not permitted
  5  the coordinator or the local fleet does not answer
  6  conflict: it exists already, or its state does not allow this
  7  timed out
`;
