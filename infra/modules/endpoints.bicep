// Private endpoints of storage and vault, with the names by which they are found.
param name string
param location string
param tags object
param networkId string
param subnetId string
param storageName string
param vaultName string

resource storage 'Microsoft.Storage/storageAccounts@2024-01-01' existing = {
  name: storageName
}

resource vault 'Microsoft.KeyVault/vaults@2023-07-01' existing = {
  name: vaultName
}

var suffix = environment().suffixes.storage
var targets = [
  { id: storage.id, part: 'blob', zone: 'privatelink.blob.${suffix}' }
  { id: storage.id, part: 'queue', zone: 'privatelink.queue.${suffix}' }
  { id: storage.id, part: 'table', zone: 'privatelink.table.${suffix}' }
  { id: vault.id, part: 'vault', zone: 'privatelink.vaultcore.azure.net' }
]

resource zones 'Microsoft.Network/privateDnsZones@2020-06-01' = [
  for each in targets: {
    name: each.zone
    location: 'global'
    tags: tags
  }
]

resource links 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2020-06-01' = [
  for (each, i) in targets: {
    parent: zones[i]
    name: name
    location: 'global'
    properties: {
      registrationEnabled: false
      virtualNetwork: { id: networkId }
    }
  }
]

resource endpoints 'Microsoft.Network/privateEndpoints@2024-05-01' = [
  for each in targets: {
    name: 'pe-${name}-${each.part}'
    location: location
    tags: tags
    properties: {
      subnet: { id: subnetId }
      privateLinkServiceConnections: [
        {
          name: each.part
          properties: {
            privateLinkServiceId: each.id
            groupIds: [each.part]
          }
        }
      ]
    }
  }
]

resource records 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2024-05-01' = [
  for (each, i) in targets: {
    parent: endpoints[i]
    name: 'default'
    properties: {
      privateDnsZoneConfigs: [
        {
          name: each.part
          properties: { privateDnsZoneId: zones[i].id }
        }
      ]
    }
  }
]
