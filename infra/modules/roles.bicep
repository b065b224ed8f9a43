// Gives roles: main.bicep has them all in one array, and calls this for what exists by then.
param storageName string = ''
param vaultName string = ''
param insightsName string = ''

@description('On what (storage, vault or insights), which role by the id of its definition, and to which principal.')
param assignments { on: string, role: string, to: string }[]

resource storage 'Microsoft.Storage/storageAccounts@2024-01-01' existing = if (!empty(storageName)) {
  name: storageName
}

resource vault 'Microsoft.KeyVault/vaults@2023-07-01' existing = if (!empty(vaultName)) {
  name: vaultName
}

resource insights 'Microsoft.Insights/components@2020-02-02' existing = if (!empty(insightsName)) {
  name: insightsName
}

resource onStorage 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for each in filter(assignments, each => each.on == 'storage'): {
    name: guid(storage.id, each.to, each.role)
    scope: storage
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', each.role)
      principalId: each.to
      principalType: 'ServicePrincipal'
    }
  }
]

resource onVault 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for each in filter(assignments, each => each.on == 'vault'): {
    name: guid(vault.id, each.to, each.role)
    scope: vault
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', each.role)
      principalId: each.to
      principalType: 'ServicePrincipal'
    }
  }
]

resource onInsights 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for each in filter(assignments, each => each.on == 'insights'): {
    name: guid(insights.id, each.to, each.role)
    scope: insights
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', each.role)
      principalId: each.to
      principalType: 'ServicePrincipal'
    }
  }
]
