/**
 * Where to go after signing in: the path asked for when it lies on this origin, else the overview. Refuses everything
 * that a browser would read as another origin ("//host", "/\host", "https:…").
 */
export function returnPath(asked: string | null): string {
  if (asked === null || !/^\/(?![/\\])/.test(asked) || /[\u0000-\u001f\\]/.test(asked)) return "/";
  return asked.startsWith("/sign-in") || asked.startsWith("/change-password") ? "/" : asked;
}
