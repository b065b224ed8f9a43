// The storage account: all that Muster keeps, and the packages that are deployed. Nobody has a key of it, nothing in it is public.
param name string
param location string
param tags object

@description('Copies in three zones of the region instead of one.')
param zoneRedundant bool

@description('Reached through private endpoints only.')
param privateNetworking bool

@description('Resource id of the identity that reads the customer-managed key; empty: Microsoft manages the key.')
param keyIdentityId string

@description('Address of the vault with the customer-managed key, and the name of the key in it.')
param keyVaultUri string
param keyName string

// The names that the code uses; a test holds the two together.
var names = loadJsonContent('../names.json')
var isKeyOurs = !empty(keyIdentityId)

resource account 'Microsoft.Storage/storageAccounts@2024-01-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: zoneRedundant ? 'Standard_ZRS' : 'Standard_LRS' }
  identity: isKeyOurs
    ? {
        type: 'UserAssigned'
        userAssignedIdentities: {
          '${keyIdentityId}': {}
        }
      }
    : { type: 'None' }
  properties: {
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    allowSharedKeyAccess: false
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    defaultToOAuthAuthentication: true
    publicNetworkAccess: privateNetworking ? 'Disabled' : 'Enabled'
    networkAcls: {
      defaultAction: privateNetworking ? 'Deny' : 'Allow'
      bypass: 'AzureServices'
    }
    encryption: {
      keySource: isKeyOurs ? 'Microsoft.Keyvault' : 'Microsoft.Storage'
      identity: isKeyOurs
        ? { userAssignedIdentity: keyIdentityId }
        : null
      keyvaultproperties: isKeyOurs
        ? {
            keyvaulturi: keyVaultUri
            keyname: keyName
          }
        : null
      requireInfrastructureEncryption: false
      services: {
        blob: {
          enabled: true
          keyType: 'Account'
        }
        // Only with a key of the account's does a customer-managed key reach queues and tables, and only from the beginning.
        queue: {
          enabled: true
          keyType: 'Account'
        }
        table: {
          enabled: true
          keyType: 'Account'
        }
      }
    }
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2024-01-01' = {
  parent: account
  name: 'default'
  properties: {
    deleteRetentionPolicy: {
      enabled: true
      days: 14
    }
    containerDeleteRetentionPolicy: {
      enabled: true
      days: 14
    }
  }
}

resource containers 'Microsoft.Storage/storageAccounts/blobServices/containers@2024-01-01' = [
  for container in names.containers: {
    parent: blobs
    name: container
    properties: { publicAccess: 'None' }
  }
]

@description('Packages that are deployed; the app never looks into it.')
resource packages 'Microsoft.Storage/storageAccounts/blobServices/containers@2024-01-01' = {
  parent: blobs
  name: 'packages'
  properties: { publicAccess: 'None' }
}

resource queueService 'Microsoft.Storage/storageAccounts/queueServices@2024-01-01' = {
  parent: account
  name: 'default'
}

resource queues 'Microsoft.Storage/storageAccounts/queueServices/queues@2024-01-01' = [
  for queue in names.queues: {
    parent: queueService
    name: queue
  }
]

resource tableService 'Microsoft.Storage/storageAccounts/tableServices@2024-01-01' = {
  parent: account
  name: 'default'
}

resource tables 'Microsoft.Storage/storageAccounts/tableServices/tables@2024-01-01' = [
  for table in names.tables: {
    parent: tableService
    name: table
  }
]

output name string = account.name
output packagesUrl string = '${account.properties.primaryEndpoints.blob}${packages.name}'
