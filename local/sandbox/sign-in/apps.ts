/** The app registrations that may sign in. For now there is one, seeded at the first start. */

/** One app registration. */
export type App = { readonly clientId: string; readonly secret: string };

/** The client id of the seeded app. */
export const seededClientId = "11111111-1111-4111-8111-111111111111";

/** Finds a registration by its client id. */
export type Apps = {
  readonly find: (clientId: string) => App | undefined;
  readonly all: () => readonly App[];
};

/** The registrations of a stand-in whose seeded app has a secret. */
export function makeApps(secret: string): Apps {
  const apps: readonly App[] = [{ clientId: seededClientId, secret }];
  return { find: (clientId) => apps.find((app) => app.clientId === clientId), all: () => apps };
}
