import { plainText } from "../format/plain-text.ts";

/** The more special first: Edge calls itself Chrome as well, and Chrome Safari. */
const BROWSERS: readonly (readonly [pattern: RegExp, name: string])[] = [
  [/\bEdg\//, "Edge"],
  [/\bFirefox\//, "Firefox"],
  [/\b(Headless)?Chrom(e|ium)\//, "Chrome"],
  [/\bSafari\//, "Safari"],
];
const SYSTEMS: readonly (readonly [pattern: RegExp, name: string])[] = [
  [/Android/, "Android"],
  [/iPhone|iPad/, "iOS"],
  [/Windows/, "Windows"],
  [/Macintosh/, "macOS"],
  [/Linux/, "Linux"],
];

/** What a program is, by what it called itself: "Firefox on Windows"; a name that nobody knows stays, cut. */
export function programName(userAgent: string): string {
  if (userAgent === "") return "not known";
  const named = (list: typeof BROWSERS) => list.find(([pattern]) => pattern.test(userAgent))?.[1];
  const browser = named(BROWSERS);
  if (browser === undefined) return plainText(userAgent.length > 40 ? `${userAgent.slice(0, 40)}…` : userAgent);
  const system = named(SYSTEMS);
  return system === undefined ? browser : `${browser} on ${system}`;
}
