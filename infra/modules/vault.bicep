// The key vault with the key that seals what is secret at rest, and, where it is asked for, the key that encrypts the storage account.
param name string
param location string
param tags object
param privateNetworking bool

@description('Makes the key for the storage account too.')
param customerManagedKey bool

resource vault 'Microsoft.KeyVault/vaults@2023-07-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    tenantId: tenant().tenantId
    sku: {
      family: 'A'
      name: 'standard'
    }
    enableRbacAuthorization: true
    enableSoftDelete: true
    softDeleteRetentionInDays: 90
    // Whoever loses the key loses every sign-in and every webhook's secret: nobody can purge it before its time.
    enablePurgeProtection: true
    publicNetworkAccess: privateNetworking ? 'Disabled' : 'Enabled'
    networkAcls: {
      defaultAction: privateNetworking ? 'Deny' : 'Allow'
      // The storage account comes as a trusted service for a customer-managed key.
      bypass: 'AzureServices'
    }
  }
}

// The app wraps with the newest version and unwraps with the one that an envelope names: rotating needs nothing else, as long as
// old versions stay and do not run out.
var names = concat(['muster-sealing'], customerManagedKey ? ['muster-storage'] : [])

resource keys 'Microsoft.KeyVault/vaults/keys@2023-07-01' = [
  for key in names: {
    parent: vault
    name: key
    properties: {
      kty: 'RSA'
      keySize: 3072
      keyOps: ['wrapKey', 'unwrapKey']
      rotationPolicy: {
        lifetimeActions: [{ trigger: { timeAfterCreate: 'P1Y' }, action: { type: 'rotate' } }]
      }
    }
  }
]

output name string = vault.name
output uri string = vault.properties.vaultUri
output sealingKeyUrl string = '${vault.properties.vaultUri}keys/${keys[0].name}'
output storageKeyName string = customerManagedKey ? keys[1].name : ''
