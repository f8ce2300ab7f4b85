/** Formats that eggs are written in; "lormas" says all that an egg of Lormas can. */
export const EGG_FORMATS = [
  ["lormas", "Lormas"],
  ["plcn_v3", "Pelican, version 3"],
  ["plcn_v2", "Pelican, version 2"],
  ["plcn_v1", "Pelican, version 1"],
  ["ptdl_v2", "Pterodactyl, version 2"],
  ["ptdl_v1", "Pterodactyl, version 1"],
] as const;

/** The format's name for people; what a newer coordinator invented stays as it is. */
export function eggFormatName(format: string): string {
  return EGG_FORMATS.find(([id]) => id === format)?.[1] ?? format;
}
