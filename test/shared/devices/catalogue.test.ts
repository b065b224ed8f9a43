/** The catalogue as a whole: 18 actions, and what none of them may ever become. */
import { describe, expect, it } from "vitest";
import { catalogue, findAction, groupNames } from "../../../shared/devices/actions/catalogue.ts";
import { durationMs } from "../../../shared/kernel/clock.ts";

const routes = catalogue.flatMap(({ id, routes: ways }) => ways.map((route) => ({ id, route })));

/** Names of Graph that destroy, lock or take away, in either kind of call. */
const forbidden = /wipe|retire|delete|clean|reset|lock|disable|deprovision|rotate|remove/i;

describe("the catalogue", () => {
  it("has 18 actions with ids, names and operation numbers of their own", () => {
    expect(catalogue).toHaveLength(18);
    const types = catalogue.flatMap(({ operation }) => (operation ? [operation.type] : []));
    expect(new Set(types).size).toBe(types.length);
    for (const pick of [
      catalogue.map(({ id }) => id),
      catalogue.map(({ name }) => name.en),
      catalogue.map(({ name }) => name.fr),
    ])
      expect(new Set(pick).size).toBe(18);
  });

  it("has the names of Microsoft's French page, letter by letter", () => {
    expect(catalogue.map(({ name }) => name.fr)).toEqual([
      "Installer le client",
      "Exécuter le script",
      "Démarrer CMPivot",
      "Télécharger la stratégie d’ordinateur",
      "Télécharger la stratégie utilisateur",
      "Collecter les données de détection",
      "Collecter l’inventaire logiciel",
      "Collecte de l'inventaire matériel",
      "Évaluer les déploiements d’applications",
      "Évaluer les déploiements de mises à jour logicielles",
      "Passer au point de mise à jour logicielle suivant",
      "Évaluer l’attestation d’intégrité de l’appareil",
      "Vérifier la conformité de l’accès conditionnel",
      "Sortir de veille",
      "Redémarrer",
      "Analyse complète",
      "Analyse rapide",
      "Télécharger la définition",
    ]);
  });

  it("names its groups in both languages, as the page does where it names them", () => {
    expect(new Set(catalogue.map(({ group }) => group))).toEqual(new Set(Object.keys(groupNames)));
    expect(groupNames.clientNotification).toEqual({
      en: "Client notification",
      fr: "Notification du client",
    });
    expect(groupNames.endpointProtection.fr).toBe("Endpoint Protection");
  });

  it("finds each by its id, and nothing by another's", () => {
    for (const action of catalogue) expect(findAction(action.id)).toBe(action);
    expect(findAction("Restart")).toBeUndefined();
    expect(findAction("constructor")).toBeUndefined();
  });

  it("never asks Graph for anything that cannot be undone", () => {
    for (const { route } of routes) {
      expect(route.call?.segment ?? "").not.toMatch(forbidden);
      expect(route.bulkAction ?? "").not.toMatch(forbidden);
    }
  });

  it("gives every route through Graph a call and a name to find its result by; the relay's none", () => {
    for (const { id, route } of routes) {
      const isRelay = route.id === "adminService";
      expect({ id, call: route.call !== undefined }).toEqual({ id, call: !isRelay });
      expect({ id, named: route.resultNames.length > 0 }).toEqual({ id, named: !isRelay });
      expect({ id, bulk: isRelay && route.bulkAction !== undefined }).toEqual({ id, bulk: false });
    }
  });

  it("says how each approximate route differs", () => {
    const approximate = routes.filter(({ route }) => route.fidelity === "approximate");
    expect(approximate.length).toBeGreaterThan(3);
    for (const { id, route } of approximate)
      expect({ id, note: route.note }).toEqual({ id, note: expect.stringMatching(/\w{3}/) });
  });

  it("gives every action a route, and says how long each is worth sending", () => {
    for (const { id, routes: ways, expiresAfter } of catalogue) {
      expect({ id, ways: ways.length > 0 }).toEqual({ id, ways: true });
      expect(durationMs(expiresAfter)).toBeGreaterThan(0);
    }
  });

  it("lets nobody repeat a restart, a script, a query or an installation without asking", () => {
    const once = catalogue.filter(({ repeatable }) => !repeatable).map(({ id }) => id);
    expect(once).toEqual(["installClient", "runScript", "startCMPivot", "restart"]);
  });
});
