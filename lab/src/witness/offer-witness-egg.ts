// Puts the witness's egg into the database of env DATABASE_URL, before anybody can sign in to import it.
import { writeEggs } from "@lormas/coordinator/store/egg-rows.ts";
import { openDatabase } from "@lormas/coordinator/store/open-database.ts";
import { silentLog } from "@lormas/coordinator/store/store-log.ts";
import { witnessEgg } from "./witness-egg.ts";

const database = await openDatabase({ url: process.env["DATABASE_URL"] ?? "", log: silentLog });
try {
  await writeEggs(database, [], [witnessEgg], { builtIn: false, updatedAt: new Date() });
} finally {
  await database.close();
}
