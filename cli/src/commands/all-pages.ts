const pageSize = 500;
const pagesMax = 1000;

/** What to ask for one page. */
export interface PageRequest {
  readonly pageSize: number;
  readonly pageToken: string;
}

/** Everything of a paged list, up to `countMax` things; throws when the server never stops handing out pages. */
export async function allPages<Thing>(
  ask: (page: PageRequest) => Promise<{ things: readonly Thing[]; nextPageToken: string }>,
  countMax: number = Number.POSITIVE_INFINITY,
): Promise<Thing[]> {
  const all: Thing[] = [];
  let pageToken = "";
  for (let page = 0; page < pagesMax; page += 1) {
    const answer = await ask({ pageSize: Math.min(pageSize, countMax - all.length), pageToken });
    all.push(...answer.things);
    pageToken = answer.nextPageToken;
    if (pageToken === "" || all.length >= countMax) return all.slice(0, countMax);
  }
  throw new Error(`a list of more than ${pagesMax} pages`);
}
