// Two app registrations: Muster itself, which is the API and asks Graph; and the public client that people sign in with.
extension microsoftGraphV1

param name string
param publicUrl string
param identityPrincipalId string
param servesOtherTenants bool

@description('Application permissions of Microsoft Graph, as its service principal has them.')
param graphRoles array

var audience = servesOtherTenants ? 'AzureADMultipleOrgs' : 'AzureADMyOrg'
var scopeId = guid(name, 'scope', 'Muster.Use')

resource muster 'Microsoft.Graph/applications@v1.0' = {
  uniqueName: name
  displayName: 'Muster'
  signInAudience: audience
  identifierUris: [
    'api://${tenant().tenantId}/${name}'
  ]
  api: {
    requestedAccessTokenVersion: 2
    oauth2PermissionScopes: [
      {
        id: scopeId
        value: 'Muster.Use'
        type: 'User'
        isEnabled: true
        adminConsentDisplayName: 'Use Muster'
        adminConsentDescription: 'Call Muster in the name of the person who signed in. What they may do there is assigned in Muster.'
        userConsentDisplayName: 'Use Muster'
        userConsentDescription: 'Call Muster in your name.'
      }
    ]
  }
  appRoles: [
    {
      id: guid(name, 'role', 'Muster.Use')
      value: 'Muster.Use'
      isEnabled: true
      allowedMemberTypes: ['Application']
      displayName: 'Use Muster'
      description: 'Call Muster as an app. What it may do there is assigned in Muster.'
    }
  ]
  web: { redirectUris: ['${publicUrl}/api/v1/callbacks/consent'] }
  requiredResourceAccess: [
    {
      resourceAppId: '00000003-0000-0000-c000-000000000000'
      resourceAccess: [
        for (role, i) in graphRoles: {
          id: graphRoles[i].id
          type: 'Role'
        }
      ]
    }
  ]

  // The identity proves the app: there is no client secret to keep, to leak or to renew.
  resource proof 'federatedIdentityCredentials@v1.0' = {
    name: '${muster.uniqueName}/managed-identity'
    description: 'The managed identity of the function app'
    audiences: [
      'api://AzureADTokenExchange'
    ]
    issuer: '${environment().authentication.loginEndpoint}${tenant().tenantId}/v2.0'
    subject: identityPrincipalId
  }
}

resource musterPrincipal 'Microsoft.Graph/servicePrincipals@v1.0' = {
  appId: muster.appId
}

resource people 'Microsoft.Graph/applications@v1.0' = {
  uniqueName: '${name}-sign-in'
  displayName: 'Muster sign-in'
  signInAudience: audience
  isFallbackPublicClient: true
  publicClient: { redirectUris: ['${publicUrl}/api/v1/callbacks/sign-in'] }
  // Where the console's sign-in ends: Entra gives tokens to pages of such an address only.
  spa: { redirectUris: ['${publicUrl}/console/redirect'] }
  requiredResourceAccess: [
    {
      resourceAppId: muster.appId
      resourceAccess: [
        {
          id: scopeId
          type: 'Scope'
        }
      ]
    }
  ]
}

resource peoplePrincipal 'Microsoft.Graph/servicePrincipals@v1.0' = {
  appId: people.appId
}

output clientId string = muster.appId
output signInClientId string = people.appId
