import { X509Certificate } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { type AuthoritiesReport, AuthoritiesReportSchema } from "@lormas/gen/lormas/agent/v1/agent_pb.ts";
import { authorityId, issuerOf, readAuthorities } from "@lormas/wire/authority-list.ts";
import type { Credentials } from "./credentials.ts";

/** The word of Hello.features by which an agent is asked for renewals, and tells whom it trusts. */
export const AUTHORITIES_FEATURE = "authorities";

/** What the trusted authorities go by. */
export function trustedIds(caPem: string): string[] {
  return readAuthorities(caPem).map(authorityId);
}

/** What a coordinator is told of credentials that are on the disk. */
export function authoritiesReport({ caPem, certificatePem }: Credentials): AuthoritiesReport {
  const authorities = readAuthorities(caPem);
  const issuer = issuerOf(new X509Certificate(certificatePem), authorities);
  // Without one the node could not have been let in; the first is what it enrolled under.
  const first = issuer ?? authorities[0];
  return create(AuthoritiesReportSchema, {
    trusted: authorities.map(authorityId),
    issuer: first ? authorityId(first) : "",
  });
}
