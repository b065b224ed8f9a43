// Muster in Azure: a resource group with everything in it. docs/azure.md tells how to install it, and what each parameter costs.
targetScope = 'subscription'

import { Tunables } from 'modules/app.bicep'

@description('Names the installation: resources carry it.')
@minLength(2)
@maxLength(16)
param environmentName string

@metadata({
  azd: { type: 'location' }
})
param location string

@description('Client id of the app registration; empty: it is made, which takes the right to register apps.')
param clientId string = ''

@description('Client id of the public client that people sign in with; empty: made with the other, or the same as a given one.')
param signInClientId string = ''

@description('Tenants whose people and apps may call, comma separated; empty: the tenant of the subscription.')
param homeTenantIds string = ''

@description('Object id of the first full administrator, in the first home tenant.')
param firstAdministrator string = deployer().objectId

@description('Customers\' tenants are served, not only the own one.')
param servesOtherTenants bool = true

@description('The made registration asks for the permissions of tenant synchronisation too.')
param withSync bool = true

@description('Ask for the permissions on groups, devices and scripts that actions of templates need.')
param withProvisioning bool = true

@description('Serve the console. People sign in to it as the app of signInClientId.')
param withConsole bool = true

@description('Where callers reach the app, if a front end of your own stands before it.')
param publicUrl string = ''

@description('`https://api.partnercenter.microsoft.com` where devices are registered through Partner Center.')
param partnerCenterUrl string = ''

@allowed(['direct', 'indirectProvider', 'indirectReseller', 'oem', 'customer'])
param partnerKind string = 'customer'

@description('Origins whose pages may call from a browser, comma separated.')
param allowedOrigins string = ''

@description('Microsoft Graph, or your cloud\'s.')
param graphUrl string = 'https://graph.microsoft.com'

@description('Settings that have defaults in the code, by their names.')
param tunables Tunables = {}

@allowed([512, 2048, 4096])
param instanceMemoryMB int = 2048

@description('Each queue and timer function, and all of HTTP together, may have so many instances.')
@minValue(40)
@maxValue(1000)
param maximumInstanceCount int = 100

@minValue(1)
@maxValue(1000)
param httpConcurrency int = 16

@description('Kept warm: `http`, or `function:` and the name of a queue or timer function.')
param alwaysReady { name: string, instanceCount: int }[] = []

@description('Front Door before the app, and no other way to it.')
param frontDoor bool = false

@description('Storage and key vault without public addresses.')
param privateNetworking bool = false

@description('The storage account is encrypted with a key of the vault. Only from the beginning: queues and tables keep what they were made with.')
param customerManagedKey bool = false

@description('Storage in three zones, instances in at least two. Always-ready instances are then at least two for each group that scales.')
param zoneRedundant bool = false

@minValue(30)
@maxValue(730)
param logRetentionDays int = 90

@description('Most gigabytes of logs per day; -1: no bound.')
param logDailyQuotaGb int = -1

@description('Spans and metrics of the app: into Application Insights, or none.')
@allowed(['azure', 'off'])
param telemetry string = 'azure'

@description('Who is told by alerts and budget; nobody: there are no alerts.')
param alertEmails string[] = []

@description('Per month, in the currency of the subscription, told to alertEmails; 0: no budget.')
@minValue(0)
param budgetAmount int = 0

@description('First day of the month from which the budget counts. Azure keeps it: give the same one when you deploy again.')
param budgetStart string = utcNow('yyyy-MM-01')

var tags = { 'azd-env-name': environmentName, application: 'muster' }
var token = take(uniqueString(subscription().id, environmentName, location), 8)
var name = 'muster-${environmentName}'
var appName = toLower('${name}-${token}')
var storageName = take(toLower(replace('must${environmentName}${token}', '-', '')), 24)
var vaultName = take(toLower('kv-${environmentName}-${token}'), 24)
var hostName = '${appName}.azurewebsites.net'
var isRegistered = !empty(clientId)
var ownUrl = frontDoor ? front!.outputs.publicUrl : 'https://${hostName}'
var url = empty(publicUrl) ? ownUrl : publicUrl

// Built-in roles by the ids of their definitions, which are the same in every tenant.
var roles = {
  storageBlobDataOwner: 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
  storageQueueDataContributor: '974c5e8b-45b9-4653-ba55-5f855dd0fb88'
  storageTableDataContributor: '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'
  keyVaultCryptoServiceEncryptionUser: 'e147488a-f6f5-4113-8e2d-b22465e65bf6'
  monitoringMetricsPublisher: '3913510d-42f4-4e42-8a64-420c390055eb'
}
var appId = identity.outputs.principalId
// Nobody else is given anything: docs/azure.md says what each is for.
var assignments = [
  { on: 'storage', role: roles.storageBlobDataOwner, to: appId }
  { on: 'storage', role: roles.storageQueueDataContributor, to: appId }
  { on: 'storage', role: roles.storageTableDataContributor, to: appId }
  { on: 'insights', role: roles.monitoringMetricsPublisher, to: appId }
  { on: 'vault', role: roles.keyVaultCryptoServiceEncryptionUser, to: appId }
]
var keyAssignments = customerManagedKey
  ? [{ on: 'vault', role: roles.keyVaultCryptoServiceEncryptionUser, to: keyIdentity!.outputs.principalId }]
  : []

resource group 'Microsoft.Resources/resourceGroups@2024-03-01' = {
  name: 'rg-${name}'
  location: location
  tags: tags
}

module identity 'modules/identity.bicep' = {
  name: 'identity'
  scope: group
  params: {
    name: 'id-${name}'
    location: location
    tags: tags
  }
}

module keyIdentity 'modules/identity.bicep' = if (customerManagedKey) {
  name: 'keyIdentity'
  scope: group
  params: {
    name: 'id-${name}-storage'
    location: location
    tags: tags
  }
}

module monitor 'modules/monitor.bicep' = {
  name: 'monitor'
  scope: group
  params: {
    name: name
    location: location
    tags: tags
    retentionInDays: logRetentionDays
    dailyQuotaGb: logDailyQuotaGb
  }
}

module vault 'modules/vault.bicep' = {
  name: 'vault'
  scope: group
  params: {
    name: vaultName
    location: location
    tags: tags
    privateNetworking: privateNetworking
    customerManagedKey: customerManagedKey
  }
}

// Before the storage account, which reads its key as it is made.
module keyRoles 'modules/roles.bicep' = if (customerManagedKey) {
  name: 'keyRoles'
  scope: group
  params: {
    vaultName: vault.outputs.name
    assignments: keyAssignments
  }
}

module storage 'modules/storage.bicep' = {
  name: 'storage'
  scope: group
  params: {
    name: storageName
    location: location
    tags: tags
    zoneRedundant: zoneRedundant
    privateNetworking: privateNetworking
    keyIdentityId: customerManagedKey ? keyIdentity!.outputs.resourceId : ''
    keyVaultUri: vault.outputs.uri
    keyName: vault.outputs.storageKeyName
  }
  dependsOn: [keyRoles]
}

module appRoles 'modules/roles.bicep' = {
  name: 'appRoles'
  scope: group
  params: {
    storageName: storage.outputs.name
    vaultName: vault.outputs.name
    insightsName: monitor.outputs.insightsName
    assignments: assignments
  }
}

module network 'modules/network.bicep' = if (privateNetworking) {
  name: 'network'
  scope: group
  params: {
    name: name
    location: location
    tags: tags
  }
}

module endpoints 'modules/endpoints.bicep' = if (privateNetworking) {
  name: 'endpoints'
  scope: group
  params: {
    name: name
    location: location
    tags: tags
    networkId: network!.outputs.networkId
    subnetId: network!.outputs.endpointSubnetId
    storageName: storage.outputs.name
    vaultName: vault.outputs.name
  }
}

module front 'modules/front.bicep' = if (frontDoor) {
  name: 'front'
  scope: group
  params: {
    name: appName
    tags: tags
    hostName: hostName
  }
}

module registrations 'modules/registrations.bicep' = if (!isRegistered) {
  name: 'registrations'
  scope: group
  params: {
    name: name
    publicUrl: url
    identityPrincipalId: identity.outputs.principalId
    servesOtherTenants: servesOtherTenants
    withSync: withSync
    withProvisioning: withProvisioning
  }
}

module app 'modules/app.bicep' = {
  name: 'app'
  scope: group
  params: {
    name: appName
    location: location
    tags: tags
    zoneRedundant: zoneRedundant
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    httpConcurrency: httpConcurrency
    alwaysReady: alwaysReady
    subnetId: privateNetworking ? network!.outputs.appSubnetId : ''
    frontDoorId: frontDoor ? front!.outputs.frontDoorId : ''
    identity: {
      resourceId: identity.outputs.resourceId
      clientId: identity.outputs.clientId
    }
    storageName: storage.outputs.name
    packagesUrl: storage.outputs.packagesUrl
    insightsName: monitor.outputs.insightsName
    settings: {
      MUSTER_CLIENT_ID: isRegistered ? clientId : registrations!.outputs.clientId
      MUSTER_SIGN_IN_CLIENT_ID: isRegistered ? signInClientId : registrations!.outputs.signInClientId
      MUSTER_HOME_TENANT_IDS: empty(homeTenantIds) ? tenant().tenantId : homeTenantIds
      MUSTER_FIRST_ADMIN: firstAdministrator
      MUSTER_CONSOLE_CLIENT_ID: !withConsole ? '' : isRegistered ? signInClientId : registrations!.outputs.signInClientId
      MUSTER_PUBLIC_URL: empty(publicUrl) && !frontDoor ? '' : url
      MUSTER_GRAPH_URL: graphUrl
      MUSTER_AUTHORITY_URL: environment().authentication.loginEndpoint
      MUSTER_PARTNER_CENTER_URL: partnerCenterUrl
      MUSTER_PARTNER_KIND: partnerKind
      MUSTER_KEY_VAULT_KEY_URL: vault.outputs.sealingKeyUrl
      MUSTER_ALLOWED_ORIGINS: allowedOrigins
      MUSTER_TELEMETRY: telemetry
    }
    tunables: tunables
  }
  dependsOn: [
    appRoles
    endpoints
  ]
}

module diagnostics 'modules/diagnostics.bicep' = {
  name: 'diagnostics'
  scope: group
  params: {
    workspaceId: monitor.outputs.workspaceId
    vaultName: vault.outputs.name
    storageName: storage.outputs.name
    appName: app.outputs.name
  }
}

module workbook 'modules/workbook.bicep' = {
  name: 'workbook'
  scope: group
  params: {
    name: name
    location: location
    tags: tags
    workspaceId: monitor.outputs.workspaceId
  }
}

module alerts 'modules/alerts.bicep' = if (!empty(alertEmails)) {
  name: 'alerts'
  scope: group
  params: {
    name: name
    location: location
    tags: tags
    workspaceId: monitor.outputs.workspaceId
    emails: alertEmails
  }
}

module budget 'modules/budget.bicep' = if (budgetAmount > 0 && !empty(alertEmails)) {
  name: 'budget'
  scope: group
  params: {
    name: name
    amount: budgetAmount
    startDate: budgetStart
    emails: alertEmails
  }
}

output AZURE_RESOURCE_GROUP string = group.name
output MUSTER_APP_NAME string = app.outputs.name
output MUSTER_URL string = url
output MUSTER_APP_HOST string = app.outputs.hostName
output MUSTER_CLIENT_ID string = isRegistered ? clientId : registrations!.outputs.clientId
output MUSTER_SIGN_IN_CLIENT_ID string = isRegistered ? signInClientId : registrations!.outputs.signInClientId
