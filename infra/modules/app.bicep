// The functions on Flex Consumption, and every setting that the code reads.
param name string
param location string
param tags object
param zoneRedundant bool

@description('Memory of an instance: 512 is enough for single tenants, 2048 is what is measured with, 4096 for very large ones.')
@allowed([512, 2048, 4096])
param instanceMemoryMB int

@minValue(40)
@maxValue(1000)
param maximumInstanceCount int

@description('Requests that one instance serves at once.')
@minValue(1)
@maxValue(1000)
param httpConcurrency int

@description('Instances that are kept warm: `http` for all requests, `function:NAME` for a queue or timer function.')
param alwaysReady { name: string, instanceCount: int }[]

@description('Subnet that the app reaches storage and vault through; empty: over their public addresses.')
param subnetId string

@description('Only this Front Door may call; empty: everybody may.')
param frontDoorId string

param identity { resourceId: string, clientId: string }
param storageName string
param packagesUrl string
param insightsName string

@description('The settings that name what is around the app.')
param settings AppSettings

@description('Settings that have defaults in the code.')
param tunables Tunables

// What is left empty is not set. The app refuses to start with a wrong one, and names all of them.
@export()
@sealed()
type AppSettings = {
  MUSTER_CLIENT_ID: string
  MUSTER_SIGN_IN_CLIENT_ID: string
  MUSTER_HOME_TENANT_IDS: string
  MUSTER_FIRST_ADMIN: string
  MUSTER_PUBLIC_URL: string
  MUSTER_CONSOLE_CLIENT_ID: string
  MUSTER_GRAPH_URL: string
  MUSTER_AUTHORITY_URL: string
  MUSTER_PARTNER_CENTER_URL: string
  MUSTER_PARTNER_KIND: string
  MUSTER_KEY_VAULT_KEY_URL: string
  MUSTER_ALLOWED_ORIGINS: string
  MUSTER_TELEMETRY: string
}

@export()
@sealed()
type Tunables = {
  MUSTER_AUDIENCES: string?
  MUSTER_API_SCOPE: string?
  MUSTER_APP_ROLE: string?
  MUSTER_REQUEST_RATE_FACTOR: string?
  MUSTER_CONFIRM_AFTER_SECONDS: string?
  MUSTER_CLAIM_SECONDS: string?
  MUSTER_GRAPH_TIMEOUT_SECONDS: string?
  MUSTER_OVERDUE_SECONDS: string?
  MUSTER_KEEP_NOTIFICATIONS_DAYS: string?
  MUSTER_KEEP_SYNCS_DAYS: string?
  MUSTER_KEEP_DEAD_LETTERS_DAYS: string?
}

var platformSettings = {
  // The root leads to the console.
  AzureWebJobsDisableHomepage: 'true'
  AzureWebJobsStorage__accountName: storageName
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identity.clientId
  MUSTER_CLIENT_IDENTITY_ID: identity.clientId
  APPLICATIONINSIGHTS_CONNECTION_STRING: insights.properties.ConnectionString
  // The exporter's statistics about itself would go to its maker.
  APPLICATION_INSIGHTS_NO_STATSBEAT: 'true'
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identity.clientId};Authorization=AAD'
}

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: insightsName
}

resource plan 'Microsoft.Web/serverfarms@2024-04-01' = {
  name: 'plan-${name}'
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    tier: 'FlexConsumption'
    name: 'FC1'
  }
  properties: {
    reserved: true
    zoneRedundant: zoneRedundant
  }
}

resource site 'Microsoft.Web/sites@2024-04-01' = {
  name: name
  location: location
  tags: union(tags, { 'azd-service-name': 'api' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identity.resourceId}': {}
    }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: packagesUrl
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identity.resourceId
          }
        }
      }
      runtime: {
        name: 'node'
        version: '24'
      }
      // Each queue and timer function has instances of its own, and takes from its queue what host.json says at once; HTTP shares.
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: maximumInstanceCount
        alwaysReady: alwaysReady
        triggers: { http: { perInstanceConcurrency: httpConcurrency } }
      }
    }
    siteConfig: {
      minTlsVersion: '1.2'
      ftpsState: 'Disabled'
      http20Enabled: true
      ipSecurityRestrictionsDefaultAction: empty(frontDoorId) ? 'Allow' : 'Deny'
      // By the short way a caller's x-ms-invocation-id would reach the host (docs/azure.md).
      ipSecurityRestrictions: empty(frontDoorId)
        ? []
        : [
            {
              name: 'front-door'
              action: 'Allow'
              priority: 100
              tag: 'ServiceTag'
              ipAddress: 'AzureFrontDoor.Backend'
              headers: { 'x-azure-fdid': [frontDoorId] }
            }
          ]
    }
  }

  resource appSettings 'config' = {
    name: 'appsettings'
    properties: union(platformSettings, settings, tunables)
  }

  resource ftp 'basicPublishingCredentialsPolicies' = {
    name: 'ftp'
    properties: { allow: false }
  }

  resource scm 'basicPublishingCredentialsPolicies' = {
    name: 'scm'
    properties: { allow: false }
  }
}

output name string = site.name
output hostName string = site.properties.defaultHostName
