import { after } from "../live/clock.svelte.ts";

/** After that long a browser has taken the file over. */
const takenMs = 60_000;

/** Hands the browser a file to save, by the name given. */
export function saveFile(name: string, content: Blob): void {
  const url = URL.createObjectURL(content);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  after(takenMs, () => URL.revokeObjectURL(url));
}
