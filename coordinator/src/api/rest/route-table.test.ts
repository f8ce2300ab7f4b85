import { ContainerService, EventService, NodeService } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { describe, expect, test } from "vitest";
import { buildRouteTable } from "./route-table.ts";

const table = buildRouteTable([ContainerService, NodeService, EventService]);
const found = (verb: string, path: string): string => {
  const match = table.find(verb, path);
  if (match.kind === "route") return `${match.route.method.name} ${JSON.stringify([...match.fields])}`;
  return match.kind === "wrong_verb" ? `allow ${match.allowed.join(",")}` : match.kind;
};

describe("a verb and a path find their method", () => {
  test.each([
    ["GET", "/api/v1/containers", "ListContainers []"],
    ["POST", "/api/v1/containers", "CreateContainer []"],
    ["GET", "/api/v1/containers/web", 'GetContainer [["id","web"]]'],
    ["DELETE", "/api/v1/containers/web", 'DeleteContainer [["id","web"]]'],
    ["POST", "/api/v1/containers/web/migrate", 'MigrateContainer [["id","web"]]'],
    ["GET", "/api/v1/containers/web/migration-history", 'ListMigrationHistory [["id","web"]]'],
    ["POST", "/api/v1/nodes/join-tokens", "CreateJoinToken []"],
    ["GET", "/api/v1/nodes/join-tokens", 'GetNode [["id","join-tokens"]]'],
    ["PUT", "/api/v1/containers", "allow GET,POST"],
    ["PUT", "/api/v1/containers/web", "allow DELETE,GET,PATCH"],
    ["GET", "/api/v1/containers/", "unknown"],
    ["GET", "/api/v1/containers/web/nothing", "unknown"],
    ["GET", "/api/v1/containers/%", "malformed"],
  ])("%s %s → %s", (verb, path, expected) => {
    expect(found(verb, path)).toBe(expected);
  });

  test("a stream has no route, as it has no annotation", () => {
    expect(table.routes.map(({ method }) => method.name)).not.toContain("Watch");
  });

  test("two methods at one verb and path are refused at the start", () => {
    expect(() => buildRouteTable([NodeService, NodeService])).toThrow("both serve");
  });
});
