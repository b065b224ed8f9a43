<#
Muster from PowerShell 5.1 and 7: connect, call any operation of the API, wait for what it began.

    Import-Module ./Muster.psm1
    Connect-Muster -Url https://muster.example -Token (Read-Host -AsSecureString)
    Invoke-Muster GET /api/v1/tenants
    $sent = Invoke-Muster POST "/api/v1/tenants/$tenant/notifications" @{ action = 'restart'; target = @{ kind = 'tenant' } }
    $sent | Wait-Muster

The tests of this repository parse this file and do not run it: there is no PowerShell where they run.
#>
Set-StrictMode -Version 3.0
$script:Muster = $null

# Remembers where Muster is and who asks, in this session only. The token is an access token of Microsoft Entra.
function Connect-Muster {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory)] [uri] $Url,
        [Parameter(Mandatory)] [securestring] $Token
    )
    # The token goes there: nobody may be able to read it on the way.
    if ($Url.Scheme -ne 'https' -and -not $Url.IsLoopback) { throw 'The address must begin with https://, but for this machine.' }
    $script:Muster = @{ Url = $Url; Token = $Token }
    Invoke-Muster GET /api/v1/me
}

# Calls an operation and gives what it answers; the items of a list one by one, over all of its pages.
function Invoke-Muster {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory, Position = 0)] [ValidateSet('GET', 'POST', 'PUT', 'PATCH', 'DELETE')] [string] $Method,
        [Parameter(Mandatory, Position = 1)] [string] $Path,
        [Parameter(Position = 2)] [object] $Body,
        # The same key and body get the same answer: give one to repeat a call that may have been done.
        [string] $IdempotencyKey = [guid]::NewGuid().ToString(),
        [string] $IfMatch
    )
    $headers = @{ Accept = 'application/json' }
    if ($Method -eq 'POST') { $headers['Idempotency-Key'] = $IdempotencyKey }
    if ($IfMatch) { $headers['If-Match'] = $IfMatch }
    $next = $Path
    while ($next) {
        $answer = Send-MusterRequest -Method $Method -Path $next -Headers $headers -Body $Body
        $next = $null
        if (-not $answer.Content) { return }
        $content = $answer.Content | ConvertFrom-Json
        $location = $answer.Headers['Location'] | Select-Object -First 1
        if ($location) { Add-Member -InputObject $content -NotePropertyName Location -NotePropertyValue $location -Force }
        if ($content.PSObject.Properties['value']) {
            $content.value
            if ($content.PSObject.Properties['nextLink']) { $next = $content.nextLink }
        }
        else { $content }
    }
}

# Reads what a call began until it has ended, at the pace that the answers ask for.
function Wait-Muster {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory, ValueFromPipelineByPropertyName)] [string] $Location,
        [int] $TimeoutSeconds = 3600
    )
    process {
        $until = (Get-Date).AddSeconds($TimeoutSeconds)
        do {
            $answer = Send-MusterRequest -Method GET -Path $Location -Headers @{ Accept = 'application/json' }
            $state = $answer.Content | ConvertFrom-Json
            # A sync has no final: its phase says it, and so does what it waits for.
            $over = ($state.PSObject.Properties['final'] -and $state.final) -or
                ($state.PSObject.Properties['phase'] -and $state.phase -eq 'done') -or $state.PSObject.Properties['waitsFor']
            if ($over) { return $state }
            $seconds = $answer.Headers['Retry-After'] | Select-Object -First 1
            Start-Sleep -Seconds $(if ($seconds) { [int] $seconds } else { 2 })
        } while ((Get-Date) -lt $until)
        throw "$Location has not ended within $TimeoutSeconds seconds."
    }
}

# One request; asked again where the answer says when. A problem document becomes an error with its code as the id.
function Send-MusterRequest {
    [CmdletBinding()]
    param([string] $Method, [string] $Path, [hashtable] $Headers, [object] $Body)
    if (-not $script:Muster) { throw 'Connect first: Connect-Muster -Url ... -Token ...' }
    # A front end may serve it beneath a path; what Muster itself links to has that already.
    $beneath = if ($Path.StartsWith('/api/')) { $script:Muster.Url.AbsolutePath.TrimEnd('/') } else { '' }
    $address = [uri]::new($script:Muster.Url, "$beneath$Path")
    if ($address.Authority -ne $script:Muster.Url.Authority) { throw "A link leads away from Muster, to $($address.Authority)." }
    $token = [Net.NetworkCredential]::new('', $script:Muster.Token).Password
    $request = @{ Method = $Method; Uri = $address; Headers = $Headers + @{ Authorization = "Bearer $token" }; UseBasicParsing = $true; MaximumRedirection = 0 }
    if ($null -ne $Body) {
        $request.Body = [Text.Encoding]::UTF8.GetBytes((ConvertTo-Json -InputObject $Body -Depth 32 -Compress))
        $request.ContentType = 'application/json'
    }
    for ($try = 1; ; $try++) {
        try { return Invoke-WebRequest @request -ErrorAction Stop }
        catch {
            $problem = if ($_.ErrorDetails) { try { $_.ErrorDetails.Message | ConvertFrom-Json } catch { $null } }
            if (-not $problem -or -not $problem.PSObject.Properties['code']) { throw }
            $seconds = Get-MusterRetryAfter $_.Exception.Response
            if ($try -ge 5 -or -not $seconds) {
                $failure = [Exception]::new("$($problem.title) ($($problem.code)). $($problem.detail)", $_.Exception)
                $record = [Management.Automation.ErrorRecord]::new($failure, $problem.code, 'NotSpecified', $problem)
                $PSCmdlet.ThrowTerminatingError($record)
            }
            Start-Sleep -Seconds $seconds
        }
    }
}

# Seconds to wait, by either edition's kind of answer.
function Get-MusterRetryAfter([object] $Response) {
    if (-not $Response) { return 0 }
    if ($Response -is [Net.HttpWebResponse]) { return [int] $Response.Headers['Retry-After'] }
    if ($Response.Headers.RetryAfter -and $Response.Headers.RetryAfter.Delta) { return [int] $Response.Headers.RetryAfter.Delta.TotalSeconds }
    return 0
}

Export-ModuleMember -Function @('Connect-Muster', 'Invoke-Muster', 'Wait-Muster')
