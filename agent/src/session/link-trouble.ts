/** OpenSSL's words for a certificate of an authority that is not trusted. */
const UNTRUSTED =
  /unable to (verify the first|get (local )?issuer) certificate|self-signed certificate|certificate signature failure/;

const REPLACED =
  "the coordinator shows a certificate of an authority that this node does not trust. If the fleet's authority was replaced while the " +
  "node was away, or it was left behind, it has to enrol again: remove it (lormas node rm), empty its data directory, and start the " +
  "agent with a new join token";

/** Why a connection came to nothing, with what to do where that can be told. */
export function linkTrouble(reason: string): string {
  return UNTRUSTED.test(reason) ? `${REPLACED} (${reason})` : reason;
}
