/** Fine samples a minute that the whole fleet may make; with more containers each sample stands for a longer time. */
export const SAMPLES_PER_MINUTE_MAX = 5_000;

/** Minutes that a fine sample may stand for: what divides an hour. */
const MINUTES = [1, 2, 3, 5, 10, 15, 20, 30] as const;

/** Seconds that a fine sample stands for, with so many containers: a minute for up to 5,000, 20 minutes for 100,000. */
export function finePeriodSeconds(containers: number): number {
  const fits = MINUTES.find((minutes) => containers <= SAMPLES_PER_MINUTE_MAX * minutes);
  return 60 * (fits ?? 60);
}
