import type { EntityManager } from "@mikro-orm/postgresql";
import type { DatabaseOrm } from "./open-database.ts";

/**
 * Works in one transaction and resolves with what the work answered; with `drop` all that it wrote is taken back, as if it had not been.
 * Rejects as the work does.
 */
export async function droppableTransaction<T>(
  orm: DatabaseOrm,
  drop: boolean,
  work: (em: EntityManager) => Promise<T>,
): Promise<T> {
  const answers: T[] = [];
  const dropped = new Error("tried, not kept");
  try {
    await orm.em.fork().transactional(async (em) => {
      answers.push(await work(em));
      if (drop) throw dropped;
    });
  } catch (thrown) {
    if (thrown !== dropped) throw thrown;
  }
  return answers[0] as T;
}
