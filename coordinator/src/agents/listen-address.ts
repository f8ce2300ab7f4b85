/** Host and port of a listen address such as "127.0.0.1:7443", "[::]:7443" or ":7443" (every address). Throws when it is none. */
export function parseListenAddress(text: string): { host: string; port: number } {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:\s]*)):(\d{1,5})$/.exec(text.trim());
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) {
    throw new Error(`"${text}" is no listen address: write host:port, such as 127.0.0.1:7443`);
  }
  return { host: match[1] ?? (match[2] || "::"), port };
}

/** The text form, with brackets around IPv6. */
export function formatAddress(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
