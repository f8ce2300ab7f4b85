/** Why a text is no document that can be read: what and where, in words for people. The readers throw nothing else. */
export class DocumentFault extends Error {
  override readonly name = "DocumentFault";
}

/** "line 3, column 7" of an offset in a text. */
export function placeIn(text: string, offset: number): string {
  const before = text.slice(0, offset);
  const line = before.split("\n").length;
  return `line ${line}, column ${offset - before.lastIndexOf("\n")}`;
}

/** Refuses text that PostgreSQL could not keep. */
export function demandStorable(text: string, where: string): void {
  const problem = storageProblem(text);
  if (problem !== null) throw new DocumentFault(`${where}: ${problem}`);
}

/** Why PostgreSQL could not keep a text: NUL and halves of surrogate pairs; null: it can. */
export function storageProblem(text: string): string | null {
  if (text.includes("\0")) return "holds a NUL character";
  return text.isWellFormed() ? null : "holds half of a surrogate pair, which is no character";
}
