import Billing
import Console
import EventLoop
import Foundation
import HTTPServer
import Ingress
import Ledger
import Payments
import Postgres

/// The console on a loop and connections of its own, so that it never slows a call.
final class ConsoleRunner: Service {
    /// Connections to PostgreSQL, and how long each may take for a statement that only reads.
    private static let connectionsMax = 3
    private static let statementSecondsMax = 10
    /// Where Debian's libjs-chart.js has it.
    private static let chartPath = "/usr/share/javascript/chart.js/chart.min.js"

    let name = "console"
    let loop: EventLoop
    let console: Console
    private let database: Database

    /// - Parameters:
    ///   - here: the instance that serves it.
    ///   - topUpDesk: where credit is bought; nil when it is not for sale.
    init(_ options: ServeOptions, here: InstanceView, topUpDesk: TopUpDesk?) throws {
        let url = try DatabaseURL(options.databaseURL)
            .limitingStatements(toSeconds: Self.statementSecondsMax)
        var configuration = DatabaseConfiguration(url: url)
        configuration.applicationName = "farebox console"
        configuration.connectionsMax = Self.connectionsMax
        let database = Database(configuration)
        self.database = database
        loop = EventLoop(name: "farebox-console")
        let log = options.log
        console = Console(
            services: Self.services(database, here, topUpDesk),
            credentials: Credentials(
                tokens: AdminTokens(database),
                environmentToken: options.adminToken,
                isLoopback: options.adminListen.isLoopback,
                now: { SystemClock.now() }
            ),
            isLoopback: options.adminListen.isLoopback,
            description: try? String(contentsOfFile: options.descriptionPath, encoding: .utf8),
            chartLibrary: try? String(contentsOfFile: Self.chartPath, encoding: .utf8),
            report: { log.error("a request to the console failed", ["error": .text($0)]) }
        )
        try loop.start()
    }

    private static func services(
        _ database: Database,
        _ here: InstanceView,
        _ topUpDesk: TopUpDesk?
    ) -> ConsoleServices {
        ConsoleServices(
            accounts: Accounts(database),
            projects: Projects(database),
            keys: APIKeys(database),
            credits: Credits(database),
            topUps: TopUps(database),
            topUpDesk: topUpDesk,
            prices: PriceBook(database),
            plans: PlanBook(database),
            invoices: Invoices(database),
            focus: FocusExport(database),
            books: GeneralLedger(database),
            events: EventStore(database),
            instances: Instances(database),
            verifications: VerificationRuns(database),
            tokens: AdminTokens(database),
            sessions: AdminSessions(database),
            trail: AuditTrail(database),
            webhooks: WebhookEndpoints(database),
            messages: WebhookMessages(database),
            alerts: AlertSettings(database),
            status: { () async throws(LedgerError) in try await LedgerStatus.read(database) },
            projections: { () async throws(LedgerError) in
                try await ProjectionStatus.read(database)
            },
            overview: { account async throws(LedgerError) in
                try await SpendOverview.read(database, of: account)
            },
            explain: { request, account in
                try await CallExplanation.read(
                    request,
                    account: account,
                    timeLimit: .seconds(statementSecondsMax),
                    in: database
                )
            },
            here: here,
            now: { SystemClock.now() }
        )
    }

    func start() async throws {}

    func stop(by deadline: ContinuousClock.Instant) async {
        await loop.stop()
        await database.close()
    }
}
