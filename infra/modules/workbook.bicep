// What to look at when something is slow or wrong: queries in the workspace's list, and the same ones on one page.
param name string
param location string
param tags object
param workspaceId string

// Each is a file, so that it can be read and tried by itself. docs/operations.md says what for.
var queries = [
  {
    title: 'One notification, hop by hop'
    text: loadTextContent('../queries/one-job.kql')
  }
  {
    title: 'Items per minute, by kind and state'
    text: loadTextContent('../queries/items.kql')
  }
  {
    title: 'Age of messages, by queue'
    text: loadTextContent('../queries/queue-age.kql')
  }
  {
    title: 'Throttles: how long is waited, how often Graph closes them'
    text: loadTextContent('../queries/throttles.kql')
  }
  {
    title: 'Answers of Graph, 429s among them'
    text: loadTextContent('../queries/graph.kql')
  }
  {
    title: 'What is tried again, and why'
    text: loadTextContent('../queries/retries.kql')
  }
]
var sections = flatten(map(queries, each => [
  {
    type: 1
    content: { json: '## ${each.title}' }
  }
  {
    type: 3
    content: {
      version: 'KqlItem/1.0'
      query: each.text
      size: 0
      timeContext: { durationMs: 86400000 }
      queryType: 0
      resourceType: 'microsoft.operationalinsights/workspaces'
    }
  }
]))

resource pack 'Microsoft.OperationalInsights/queryPacks@2023-09-01' = {
  name: 'qp-${name}'
  location: location
  tags: tags
  properties: {}
}

resource saved 'Microsoft.OperationalInsights/queryPacks/queries@2023-09-01' = [
  for each in queries: {
    parent: pack
    name: guid(pack.id, each.title)
    properties: {
      displayName: each.title
      body: each.text
      related: { categories: ['monitor'] }
    }
  }
]

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(resourceGroup().id, name, 'workbook')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'Muster ${name}'
    category: 'workbook'
    sourceId: workspaceId
    serializedData: string({
      version: 'Notebook/1.0'
      items: sections
      fallbackResourceIds: [workspaceId]
    })
  }
}
