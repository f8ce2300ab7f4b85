const PREFIX = "lormas://node/";
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** The subject alternative name that says which node a certificate is for. */
export function nodeUri(nodeId: string): string {
  return `${PREFIX}${nodeId}`;
}

/**
 * The node id in a certificate's subject alternative names, as node:crypto prints them ("URI:lormas://node/…"); null
 * unless the URI is the only name, so that nothing can be hidden beside or within it.
 */
export function nodeIdOfNames(subjectAltName: string | undefined): string | null {
  if (subjectAltName === undefined || !subjectAltName.startsWith(`URI:${PREFIX}`)) return null;
  const nodeId = subjectAltName.slice(`URI:${PREFIX}`.length);
  return UUID.test(nodeId) ? nodeId : null;
}
