// Who is told when something needs a person. Each alert asks the logs for lines that the code writes; a test holds the names together.
param name string
param location string
param tags object
param workspaceId string

@description('Who is told.')
param emails string[]

// `events`: the app's own lines by their names. `query`: anything else. An alert is raised for more rows than `above` in `window`.
var eventAlerts = [
  {
    name: 'dead-letters'
    severity: 1
    description: 'Messages were set aside: GET /api/v1/dead-letters lists them with their reasons.'
    events: ['message.poison', 'message.poison-failed', 'message.dead-letter']
    above: 0
    window: 'PT15M'
  }
  {
    name: 'overdue-tasks'
    severity: 1
    description: 'Tasks should have begun and did not.'
    events: ['tasks.overdue']
    above: 0
    window: 'PT15M'
  }
  {
    name: 'lost-audit'
    severity: 0
    description: 'An audit record could not be written: the log line holds it.'
    events: ['audit.lose']
    above: 0
    window: 'PT15M'
  }
  {
    name: 'sweeps-find-work'
    severity: 2
    description: 'Sweepers find work whose messages are late or lost, again and again: queues are behind, or a function does not run.'
    events: ['fanout.sweep', 'refresh.sweep', 'webhook.sweep', 'tenant.sweep-purges']
    above: 10
    window: 'PT1H'
  }
  {
    name: 'failed-requests'
    severity: 2
    description: 'Requests ended with internal-error: the line names the operation and the request.'
    events: ['request.fail']
    above: 5
    window: 'PT15M'
  }
]
var queryAlerts = [
  {
    name: 'sign-in-unavailable'
    severity: 1
    description: 'Tokens of callers cannot be checked: the sign-in service does not answer, or its address is wrong.'
    query: 'AppTraces | extend line = parse_json(Message) | where line.event == "request.refuse" and line.code == "sign-in-unavailable"'
    operator: 'GreaterThan'
    threshold: 5
    window: 'PT15M'
  }
  {
    name: 'failed-functions'
    severity: 2
    description: 'Queue and timer functions fail.'
    query: 'AppRequests | where Success == false'
    operator: 'GreaterThan'
    threshold: 20
    window: 'PT15M'
  }
  {
    name: 'worker-restarts'
    severity: 2
    description: 'A function ran into its time-out, which restarts its worker: docs/azure.md says how a caller can do that.'
    query: 'AppTraces | where Message has "Timeout value of" and Message has "was exceeded"'
    operator: 'GreaterThan'
    threshold: 0
    window: 'PT15M'
  }
  {
    name: 'late-messages'
    severity: 2
    description: 'A queue is behind: messages are handled more than five minutes after their time. The metric names the queue.'
    query: 'AppMetrics | where Name == "muster.queue.age" and Max > 300'
    operator: 'GreaterThan'
    threshold: 2
    window: 'PT15M'
  }
  {
    name: 'no-timers'
    severity: 0
    description: 'The timer that begins tasks has not run: nothing begins by itself, and nothing lost is found.'
    query: 'AppMetrics | where Name == "tasks-timer Count"'
    operator: 'LessThan'
    threshold: 1
    window: 'PT15M'
  }
]
var ofEvents = map(eventAlerts, each => {
  name: each.name
  severity: each.severity
  description: each.description
  query: 'AppTraces | extend line = parse_json(Message) | where line.event in ("${join(each.events, '", "')}")'
  operator: 'GreaterThan'
  threshold: each.above
  window: each.window
})

resource group 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: 'ag-${name}'
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'muster'
    enabled: true
    emailReceivers: [
      for email in emails: {
        name: email
        emailAddress: email
        useCommonAlertSchema: true
      }
    ]
  }
}

resource alerts 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for each in concat(ofEvents, queryAlerts): {
    name: '${name}-${each.name}'
    location: location
    tags: tags
    properties: {
      displayName: 'Muster: ${each.name}'
      description: each.description
      severity: each.severity
      enabled: true
      scopes: [workspaceId]
      evaluationFrequency: 'PT5M'
      windowSize: each.window
      criteria: {
        allOf: [
          {
            query: each.query
            timeAggregation: 'Count'
            operator: each.operator
            threshold: each.threshold
            failingPeriods: {
              numberOfEvaluationPeriods: 1
              minFailingPeriodsToAlert: 1
            }
          }
        ]
      }
      autoMitigate: true
      // Tables come into being with their first row.
      skipQueryValidation: true
      actions: { actionGroups: [group.id] }
    }
  }
]
