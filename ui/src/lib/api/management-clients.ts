import { createClient } from "@connectrpc/connect";
import { AccessService, AuditService, JobService } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { transport } from "./clients.ts";

/** People, roles, tokens and one's own account. */
export const accessClient = createClient(AccessService, transport);
/** Who changed or tried what. */
export const auditClient = createClient(AuditService, transport);
/** What was asked of containers. */
export const jobClient = createClient(JobService, transport);
