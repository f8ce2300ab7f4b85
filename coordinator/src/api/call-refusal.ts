import { ConnectError } from "@connectrpc/connect";
import { ErrorDetailSchema } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { expect } from "vitest";

/** How a call is refused; fails the test when it is granted. */
export async function callRefusal(call: Promise<unknown>) {
  const error = ConnectError.from(
    await call.then(
      () => expect.fail("it was granted"),
      (thrown: unknown) => thrown,
    ),
  );
  return { code: error.code, message: error.rawMessage, detail: error.findDetails(ErrorDetailSchema)[0] };
}
