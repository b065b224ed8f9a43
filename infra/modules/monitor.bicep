// Where logs and telemetry go: one workspace, and Application Insights on top of it, reached by identity only.
param name string
param location string
param tags object

@description('Days that logs are kept. What Muster itself keeps, and for how long, is settings of the app.')
@minValue(30)
@maxValue(730)
param retentionInDays int

@description('Most gigabytes taken in per day; -1: no bound. Past it, nothing is logged until the next day, and alerts are blind.')
param dailyQuotaGb int

resource workspace 'Microsoft.OperationalInsights/workspaces@2023-09-01' = {
  name: 'log-${name}'
  location: location
  tags: tags
  properties: {
    sku: { name: 'PerGB2018' }
    retentionInDays: retentionInDays
    workspaceCapping: { dailyQuotaGb: dailyQuotaGb }
    features: {
      disableLocalAuth: true
      enableLogAccessUsingOnlyResourcePermissions: true
    }
  }
}

resource insights 'Microsoft.Insights/components@2020-02-02' = {
  name: 'appi-${name}'
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    WorkspaceResourceId: workspace.id
    DisableLocalAuth: true
  }
}

output workspaceId string = workspace.id
output insightsName string = insights.name
