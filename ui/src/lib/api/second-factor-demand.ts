import { accessClient } from "./management-clients.ts";

/** Roles that demand a second factor which is not set up; none also when that cannot be told, which the next call tells. */
export async function secondFactorDemandedBy(): Promise<readonly string[]> {
  try {
    return (await accessClient.whoAmI({})).secondFactorDemandedBy;
  } catch {
    return [];
  }
}
