/**
 * The path with these fields of its query set; empty ones are taken out, the others stay. A filter in the address can be sent to
 * somebody and found again.
 */
export function withQuery(url: Pick<URL, "pathname" | "search">, fields: Readonly<Record<string, string>>): string {
  const query = new URLSearchParams(url.search);
  for (const [name, value] of Object.entries(fields)) {
    if (value === "") query.delete(name);
    else query.set(name, value);
  }
  const text = query.toString();
  return text === "" ? url.pathname : `${url.pathname}?${text}`;
}
