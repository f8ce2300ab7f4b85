/** Host and port of "host:port"; IPv6 in brackets, ":port" means every address of the host. */
export type HostPort = { readonly host: string; readonly port: number };

const HOST_PORT = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]*)):(\d{1,5})$/;

/** Null when the text is no "host:port". Port 0 is one. */
export function readHostPort(text: string): HostPort | null {
  const match = HOST_PORT.exec(text);
  const port = Number(match?.[3]);
  if (!match || port > 65_535 || text.length > 260) return null;
  return { host: match[1] ?? match[2] ?? "", port };
}

/** The text form, with brackets around IPv6. */
export function hostPortText({ host, port }: HostPort): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** True for addresses at which one listens but nobody can be reached: "", 0.0.0.0 and ::. */
export function isEveryAddress(host: string): boolean {
  return ["", "0.0.0.0", "::"].includes(host);
}
