import Billing
import Ledger
import Payments
import Schema

/// What the console reads and acts through, all upon connections of its own.
package struct ConsoleServices: Sendable {
    let accounts: Accounts
    let projects: Projects
    let keys: APIKeys
    let credits: Credits
    let topUps: TopUps
    /// Where credit is bought; nil when no provider is configured.
    let topUpDesk: TopUpDesk?
    let prices: PriceBook
    let plans: PlanBook
    let invoices: Invoices
    let focus: FocusExport
    let books: GeneralLedger
    let events: EventStore
    let instances: Instances
    let verifications: VerificationRuns
    let tokens: AdminTokens
    let sessions: AdminSessions
    let trail: AuditTrail
    let webhooks: WebhookEndpoints
    let messages: WebhookMessages
    let alerts: AlertSettings
    let status: @Sendable () async throws(LedgerError) -> LedgerStatus
    let projections: @Sendable () async throws(LedgerError) -> [ProjectionStatus]
    /// What accounts have spent of late: of all, or of the one of this slug.
    let overview: @Sendable (String?) async throws(LedgerError) -> [SpendOverview]
    /// A call's charge, line by line; nil for none of this account.
    let explain: @Sendable (RequestID, AccountID) async throws -> CallExplanation?
    /// The instance that serves the console.
    let here: InstanceView
    let now: @Sendable () -> Instant

    package init(
        accounts: Accounts,
        projects: Projects,
        keys: APIKeys,
        credits: Credits,
        topUps: TopUps,
        topUpDesk: TopUpDesk?,
        prices: PriceBook,
        plans: PlanBook,
        invoices: Invoices,
        focus: FocusExport,
        books: GeneralLedger,
        events: EventStore,
        instances: Instances,
        verifications: VerificationRuns,
        tokens: AdminTokens,
        sessions: AdminSessions,
        trail: AuditTrail,
        webhooks: WebhookEndpoints,
        messages: WebhookMessages,
        alerts: AlertSettings,
        status: @escaping @Sendable () async throws(LedgerError) -> LedgerStatus,
        projections: @escaping @Sendable () async throws(LedgerError) -> [ProjectionStatus],
        overview: @escaping @Sendable (String?) async throws(LedgerError) -> [SpendOverview],
        explain: @escaping @Sendable (RequestID, AccountID) async throws -> CallExplanation?,
        here: InstanceView,
        now: @escaping @Sendable () -> Instant
    ) {
        self.accounts = accounts
        self.projects = projects
        self.keys = keys
        self.credits = credits
        self.topUps = topUps
        self.topUpDesk = topUpDesk
        self.prices = prices
        self.plans = plans
        self.invoices = invoices
        self.focus = focus
        self.books = books
        self.events = events
        self.instances = instances
        self.verifications = verifications
        self.tokens = tokens
        self.sessions = sessions
        self.trail = trail
        self.webhooks = webhooks
        self.messages = messages
        self.alerts = alerts
        self.status = status
        self.projections = projections
        self.overview = overview
        self.explain = explain
        self.here = here
        self.now = now
    }
}
