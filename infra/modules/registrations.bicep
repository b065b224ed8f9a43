// Finds what Microsoft Graph calls its permissions, and registers the apps with those that Muster needs.
extension microsoftGraphV1

param name string
param publicUrl string
param identityPrincipalId string

@description('Customers\' tenants are signed in to: the registration is for many tenants.')
param servesOtherTenants bool

@description('Tenant synchronisation asks for permissions of its own.')
param withSync bool

@description('Provisioning asks for permissions on groups, devices and scripts.')
param withProvisioning bool

var permissions = loadJsonContent('../permissions.json')
var wanted = union(
  permissions.fleet,
  withSync ? permissions.sync : [],
  withProvisioning ? permissions.provisioning : []
)

resource graph 'Microsoft.Graph/servicePrincipals@v1.0' existing = {
  appId: '00000003-0000-0000-c000-000000000000'
}

module apps 'apps.bicep' = {
  name: 'apps'
  params: {
    name: name
    publicUrl: publicUrl
    identityPrincipalId: identityPrincipalId
    servesOtherTenants: servesOtherTenants
    graphRoles: filter(graph.appRoles, role => contains(wanted, role.value))
  }
}

output clientId string = apps.outputs.clientId
output signInClientId string = apps.outputs.signInClientId
