type Address = { readonly name: string; readonly address: string; readonly port: number; readonly protocol: string };

/** Address and port as one types them; IPv6 in brackets. */
export function endpointText({ address, port }: Address): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

/** A link for ports that are named for the web ("http", "https", "web"); null for every other one and for odd addresses. */
export function endpointUrl(endpoint: Address): string | null {
  if (endpoint.protocol !== "tcp" || !/^(https?|web)(-|$)/.test(endpoint.name)) return null;
  if (!/^[A-Za-z0-9.:-]+$/.test(endpoint.address)) return null;
  const scheme = endpoint.name.startsWith("https") ? "https" : "http";
  const text = `${scheme}://${endpointText(endpoint)}/`;
  return URL.canParse(text) ? text : null;
}
