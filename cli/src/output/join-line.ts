/**
 * The line that joins a host, for a POSIX shell in a clone of the repository, after `npm ci`: pasted as it is, the host is named as
 * it names itself, and reached at its first address.
 */
export function joinLine(token: string, coordinatorAddress: string): string {
  const words = [
    `LORMAS_JOIN_TOKEN=${shellWord(token)} node_modules/.bin/node agent/src/main.ts`,
    `--coordinator ${shellWord(coordinatorAddress)}`,
    '--name "$(hostname -s)"',
    `--address "$(hostname -I | cut -d' ' -f1)"`,
    "--data-dir /var/lib/lormas-agent",
    "--runtime docker",
  ];
  return words.join(" \\\n  ");
}

/** A word that no shell takes apart or runs. */
function shellWord(text: string): string {
  return /^[A-Za-z0-9@%+=:,./_-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
