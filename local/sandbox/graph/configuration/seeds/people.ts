/** The people, groups and roles of a tenant: who administers it, and who is in which group, nested ones too. */
import { customerUsers, type User } from "../../../sign-in/entra/users.ts";
import { type Body, groupDefaults } from "../types.ts";
import type { Maker, Seeds } from "./maker.ts";

/** Directory roles by the ids that they have everywhere. */
export const roleTemplates = {
  "Global Administrator": "62e90394-69f5-4237-9190-012177145e10",
  "Privileged Role Administrator": "e8611ab8-c189-46e8-94e1-60213ab1f814",
  "Conditional Access Administrator": "b1be1c3e-b65d-4f19-8427-f6fa0d97feb9",
  "Security Administrator": "194ae4cb-b126-40b2-bd5b-6091b380977d",
  "Authentication Policy Administrator": "0526716b-113d-4c15-b2c8-68e3c22b9f80",
  "Intune Administrator": "3a2c62db-5318-420d-8d74-23affee5d9d5",
  "User Administrator": "fe930be7-5e62-47db-91af-98c3a49a38b1",
  "Security Reader": "5d6b6bb7-de71-4623-b4af-96380a352509",
} as const;

type Person = readonly [account: string, name: string, roles: readonly string[]];

/** Beside those who sign in: accounts for emergencies, and people with a role through a group or none. */
const people: readonly Person[] = [
  ["break-glass-1", "Break Glass One", [roleTemplates["Global Administrator"]]],
  ["break-glass-2", "Break Glass Two", [roleTemplates["Global Administrator"]]],
  ["devices", "Dora Devices", []],
  ["alice", "Alice Abel", []],
  ["bob", "Bob Brandt", []],
];

type GroupSeed = readonly [name: string, members: readonly string[], more?: Body];

/** Members are accounts, or names of groups within a group. */
const groups: readonly GroupSeed[] = [
  ["Break-glass accounts", ["break-glass-1", "break-glass-2"], { isAssignableToRole: true }],
  ["CA-Exclude-MFA", ["bob"]],
  ["All employees", ["alice", "bob", "admin"], { groupTypes: ["DynamicMembership"] }],
  ["IT administrators", ["admin", "operator", "Device administrators"]],
  ["Device administrators", ["devices"], { isAssignableToRole: true }],
  ["Pilot devices", ["alice"]],
  ["Kiosk devices", []],
  ["Finance (on-premises)", ["bob"], { onPremisesSyncEnabled: true }],
];

/** The directory of a tenant. */
export function seededPeople({ id, at, tenant }: Maker): Seeds {
  const who = (account: string): string => `${account}@${tenant.domain}`;
  const users: readonly User[] = [
    ...people.map(([account, name, directoryRoles]) => ({
      id: id(`user ${account}`),
      userName: who(account),
      name,
      groups: [],
      directoryRoles,
    })),
    ...customerUsers(tenant),
  ];
  const idOf = (name: string): string =>
    users.find(({ userName }) => userName === who(name))?.id ?? id(`group ${name}`);
  const holds = (principalId: string, roleDefinitionId: string): Body => ({
    id: id(`holds ${principalId} ${roleDefinitionId}`),
    principalId,
    roleDefinitionId,
    directoryScopeId: "/",
    principal: principalOf(principalId),
  });
  const principalOf = (principalId: string): Body => {
    const user = users.find((each) => each.id === principalId);
    if (user === undefined) return { "@odata.type": "#microsoft.graph.group", id: principalId };
    const { name: displayName, userName: userPrincipalName } = user;
    return { "@odata.type": "#microsoft.graph.user", id: user.id, displayName, userPrincipalName };
  };
  const roles = Object.entries(roleTemplates).map(([displayName, template]) => ({
    id: template,
    displayName,
    description: `${displayName}.`,
  }));
  const domain = { name: tenant.domain, isDefault: true, isInitial: true, type: "Managed" };
  return {
    user: users.map(({ id: own, name, userName }) => ({
      id: own,
      displayName: name,
      userPrincipalName: userName,
      accountEnabled: true,
      userType: "Member",
    })),
    group: groups.map(([displayName, members, more]) => ({
      id: idOf(displayName),
      createdDateTime: at,
      displayName,
      mailEnabled: false,
      mailNickname: id(`nick ${displayName}`).slice(0, 8),
      securityEnabled: true,
      ...groupDefaults,
      ...more,
      ...(more?.["groupTypes"] === undefined ? {} : dynamic),
      _members: members.map(idOf),
    })),
    roleAssignment: [
      ...users.flatMap((user) => (user.directoryRoles ?? []).map((role) => holds(user.id, role))),
      holds(idOf("Device administrators"), roleTemplates["Intune Administrator"]),
    ],
    directoryRoleTemplate: roles,
    directoryRoleDefinition: roles.map((role) => ({ ...role, isBuiltIn: true, isEnabled: true })),
    organization: [{ id: tenant.id, displayName: tenant.displayName, verifiedDomains: [domain] }],
  };
}

const dynamic = {
  membershipRule: '(user.userType -eq "Member")',
  membershipRuleProcessingState: "On",
};
