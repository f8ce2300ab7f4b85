import type { Timestamp } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import type { AuditService } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import {
  type AuditFilter,
  auditEntriesAfter,
  listAuditEntries,
  newestAuditEntry,
} from "../../store/read-model/audit-readings.ts";
import { apiError } from "../api-error.ts";
import { auditEntryView } from "../views/audit-view.ts";
import { givenMoment } from "./given-moment.ts";
import { oneLook, type PlaneContext } from "./plane-context.ts";

/** Entries that an export reads at once; the next are read when the caller has taken these. */
export const EXPORT_PAGE_SIZE = 500;

/** Who changed or tried what; see the proto. */
export function auditService(plane: PlaneContext): ServiceImpl<typeof AuditService> {
  return {
    async listAuditEntries(request) {
      const { pageSize, pageToken } = request;
      const page = await listAuditEntries(oneLook(plane), { ...filterOf(request), pageSize, pageToken });
      return { entries: page.rows.map(auditEntryView), nextPageToken: page.nextPageToken };
    },

    async *exportAuditEntries(request) {
      const filter = filterOf(request);
      const upTo = await newestAuditEntry(oneLook(plane));
      for (let after = 0; ; ) {
        if (plane.stopping.aborted) throw apiError("shutting_down", "The coordinator is stopping.");
        const rows = await auditEntriesAfter(oneLook(plane), filter, { after, upTo }, EXPORT_PAGE_SIZE);
        for (const row of rows) yield { entry: auditEntryView(row) };
        const last = rows.at(-1);
        if (last === undefined || rows.length < EXPORT_PAGE_SIZE) return;
        after = last.sequence;
      }
    },
  };
}

type Asked = Pick<AuditFilter, "actor" | "method" | "object" | "decision" | "request"> & {
  readonly from?: Timestamp | undefined;
  readonly to?: Timestamp | undefined;
};

function filterOf({ actor, method, object, decision, request, from, to }: Asked): AuditFilter {
  return {
    ...{ actor, method, object, decision, request },
    from: givenMoment(from, "from"),
    to: givenMoment(to, "to"),
  };
}
