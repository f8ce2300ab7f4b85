const headLines = 20;
const tailLines = 20;

/** Beginning and end of an output: the reason may stand in either. */
function excerpt(output) {
  const lines = output.trimEnd().split("\n");
  if (lines.length <= headLines + tailLines) return lines.join("\n");
  return [...lines.slice(0, headLines), "…", ...lines.slice(-tailLines)].join("\n");
}

/**
 * One calm line for something that takes a while: "Installing … done after 21 s". Says at once that it began.
 * @param {string} what
 * @param {() => Promise<{ ok: boolean, output: string }>} step
 * @param {string} nextStep what to do when it failed
 * @returns {Promise<boolean>} whether it went well
 */
export async function withProgress(what, step, nextStep) {
  const startMs = performance.now();
  process.stdout.write(`${what} … `);
  const { ok, output } = await step();
  const seconds = Math.max(1, Math.round((performance.now() - startMs) / 1000));
  process.stdout.write(ok ? `done after ${seconds} s\n` : `failed after ${seconds} s\n`);
  if (ok) return true;
  if (output !== "") console.error(excerpt(output));
  console.error(`lormas: ${what.toLowerCase()}: it failed\n  next: ${nextStep}`);
  return false;
}
