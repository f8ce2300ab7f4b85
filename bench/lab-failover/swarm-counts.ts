import { median } from "../frame/percentile.ts";
import { beside, plain, type Row } from "../frame/section.ts";
import { SWARM_DEFAULT, SWARM_FASTEST, SWARM_TUNED, type SwarmSetting } from "../lab-hosts/swarm-contender.ts";

/** Medians of five runs in which the host of a container was switched off, measured by other means in such a lab, in seconds. */
const KNOWN_S: ReadonlyMap<SwarmSetting, number> = new Map([
  [SWARM_DEFAULT, 19.4],
  [SWARM_TUNED, 4.2],
  [SWARM_FASTEST, 3.7],
]);
const DIFFERENCE_MAX = 0.25;
/** The median of fewer is too much a matter of chance to be held against anything. */
const RUNS_MIN = 5;

/**
 * Holds Swarm's own medians against known ones: a Swarm that was hindered would make the product look good. Throws where one is
 * more than a quarter off. Of too few runs it says so in a row instead.
 */
export function swarmCounts(
  measured: readonly { readonly setting: SwarmSetting; readonly awayS: readonly number[] }[],
): Row[] {
  const rows = measured.map(({ setting, awayS }) => {
    const knownS = KNOWN_S.get(setting);
    if (knownS === undefined) throw new Error(`nothing is known of ${setting.name}`);
    return beside(`${setting.name}, power-off: median of ${awayS.length}`, median(awayS), "s", {
      name: "known",
      value: knownS,
    });
  });
  const runs = Math.min(...measured.map(({ awayS }) => awayS.length));
  if (runs < RUNS_MIN) {
    return [...rows, plain(`note: not held against what is known, that takes ${RUNS_MIN} runs`, runs, "runs")];
  }
  const off = rows.filter(({ value, reference }) => Math.abs(value / (reference?.value ?? 0) - 1) > DIFFERENCE_MAX);
  if (off.length > 0) {
    const said = off.map(({ figure, value, reference }) => `${figure} is ${value} s, known ${reference?.value} s`);
    throw new Error(
      `the run does not count: ${said.join("; ")}; see whether something else runs on this machine, and measure again`,
    );
  }
  return rows;
}
