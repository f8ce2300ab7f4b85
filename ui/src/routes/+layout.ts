/** Every page is drawn in the browser: what it shows is live and belongs to the signed-in user. */
export const ssr = false;
export const prerender = false;
