import Billing
import Console
import Curl
import EventLoop
import HTTPServer
import Ingress
import Journal
import Ledger
import Postgres
import Schema

/// One running Farebox: everything made, in the order in which each stands on the last.
///
/// Started from the bottom up and stopped from the top down: servers finish their streams, the
/// escrow waits until every charge is shipped and gives its leases back, the shipper and the
/// journal end, and the loops last.
struct Instance: Sendable {
    /// Connections to PostgreSQL: lease operations, shipping, snapshots and credits.
    private static let connectionsMax = 8

    let services: ServiceGroup
    let readiness: InstanceReadiness
    let loops: LoopsRunner
    let servers: [HTTPServer]
    let admin: HTTPServer
    private let database: Database
    private let questions: KeyQuestions
    private let keyedCalls: KeyedCallsRunner
    private let listen: PortReservation
    private let reloading: Reload

    init(_ options: ServeOptions) async throws {
        let log = options.log
        let configuration = options.configuration.gateway
        let now: @Sendable () -> Instant = { SystemClock.now() }

        let vocabularies = try VocabularyFolder(options.vocabularyPath).read(
            for: configuration,
            log
        )
        let databaseConfiguration = try Self.databaseConfiguration(options.databaseURL)
        database = Database(databaseConfiguration)
        questions = KeyQuestions(databaseConfiguration)
        try await Migrator.verify(required: RequiredMigrations.names, in: database)
        try await Self.warnOfOwnership(database, log)
        try await Self.importPrices(options.pricesPath, database, log)

        var kept = JournalConfiguration(path: options.journalPath)
        kept.sync = options.configuration.journalSync
        let journal = try await Journal.open(kept)

        keyedCalls = KeyedCallsRunner(
            databaseConfiguration,
            instance: InstanceID(high: journal.instance.high, low: journal.instance.low),
            log: log
        )
        readiness = InstanceReadiness()
        let metrics = GatewayMetrics()
        let escrow = Escrow(settings: EscrowSettings(options.configuration))
        let desk = AdmissionDesk(escrow: escrow, prices: .empty)
        let directory = Directory(database)
        let keeper = try await SnapshotKeeper(
            directory: directory,
            priceBook: PriceBook(database),
            desk: desk,
            log: log
        )
        let settlement = Settlement(
            journal: journal,
            escrow: escrow,
            readiness: readiness,
            log: log,
            now: now
        )
        let projections = try ProjectionsRunner(options.databaseURL, log)
        let shipper = Shipper(
            journal: journal,
            store: EventStore(database, onAppend: { projections.note($0) }),
            escrow: escrow,
            metrics: metrics,
            log: log,
            now: now
        )
        let escrowService = InstanceRegistration.service(
            escrow: escrow,
            authority: PostgresLeaseAuthority(database, settings: escrow.settings),
            journal: journal,
            shipper: shipper,
            label: options.instanceLabel,
            readiness: readiness,
            log: log
        )

        loops = try await LoopsRunner(
            count: options.loopCount,
            configuration: CurlConfiguration()
        )
        let database = database
        let board = UpstreamBoard()
        let limiter = RateLimiter(
            authority: PostgresRateAuthority(database),
            standing: { escrow.standing }
        )
        let gatewayServices = GatewayServices(
            configuration: configuration,
            board: board,
            vocabularies: vocabularies,
            snapshots: keeper,
            desk: desk,
            settlement: settlement,
            escrow: escrow,
            limiter: limiter,
            accounts: { try await Accounts(database).show($0).head },
            caps: { try await SpendCaps(database).figures($0, of: $1, at: $2) },
            usage: questions.usage,
            keyed: keyedCalls.calls,
            readiness: readiness,
            metrics: metrics,
            log: log,
            now: now
        )
        listen = try PortReservation(options.listen)
        let gateways = loops.members.map { member in
            Gateway(
                services: gatewayServices,
                loop: member.loop,
                curl: member.curl,
                journal: journal
            )
        }
        reloading = Reload(
            initial: options,
            services: gatewayServices,
            gateways: gateways,
            importPrices: { try await Self.importPrices($0, database, log) }
        )
        let sealing = SealRunner(
            sealer: Sealer(database),
            interval: options.configuration.sealInterval,
            log: log
        )
        let billing = try BillingRunner(
            options.databaseURL,
            options.configuration.billing,
            log: log,
            now: now
        )
        let payments = try await PaymentsRunner(
            options.configuration.payments,
            databaseConfiguration,
            log: log,
            now: now
        )
        let consoleRunner = try ConsoleRunner(
            options,
            here: InstanceView(journal, gateways, board, metrics),
            topUpDesk: payments.desk
        )
        let webhooks = WebhooksRunner(databaseConfiguration, log: log, now: now)
        let adminFace = AdminFace(
            console: consoleRunner.console,
            metrics: metrics,
            readiness: readiness,
            journal: journal,
            escrow: escrow,
            settlement: settlement,
            keyedCalls: keyedCalls.calls,
            sealing: sealing,
            loops: loops.members.map(\.loop),
            projections: projections,
            billing: billing,
            board: board,
            webhooks: webhooks,
            payments: payments
        )
        servers = Self.servers(options, listen, loops, gateways, payments)
        admin = HTTPServer(
            loop: consoleRunner.loop,
            address: options.adminListen,
            reusePort: false,
            limits: HTTPLimits(),
            handler: { request, exchange in await adminFace.handle(request, exchange) }
        )

        services = ServiceGroup(
            [
                loops,
                payments,
                consoleRunner,
                webhooks,
                UpstreamAlertsRunner(
                    board: board,
                    database: database,
                    instance: options.instanceLabel,
                    log: log,
                    now: now
                ),
                sealing,
                projections,
                ShippingRunner(shipper: shipper, settlement: settlement, journal: journal),
                SnapshotRunner(
                    keeper: keeper,
                    listener: NotificationListener(
                        databaseConfiguration,
                        channels: [Directory.channel, PriceBook.notificationChannel]
                    )
                ),
                EscrowRunner(
                    service: escrowService,
                    shipper: shipper,
                    recalls: NotificationListener(
                        databaseConfiguration,
                        channels: [EscrowService.recallChannel]
                    ),
                    endInterrupted: {
                        try await Self.endInterruptedCalls(journal, log, at: now())
                    },
                    log: log
                ),
                RateLimitRunner(limiter),
                CreditRunner(
                    credit: DueCredit(
                        database,
                        drainTime: EscrowSettings(options.configuration).releaseAfter
                    ),
                    log: log,
                    now: now
                ),
                billing,
                keyedCalls,
                admin,
            ] + servers
        )
    }

    /// Puts another configuration in force, as a whole or not at all.
    func reload(_ options: ServeOptions) async throws {
        try await reloading.adopt(options)
    }

    /// Closes what no service owns; after the group has stopped.
    func close() async {
        await questions.close()
        await keyedCalls.close()
        await database.close()
    }

    private static func databaseConfiguration(_ url: String) throws -> DatabaseConfiguration {
        var configuration = DatabaseConfiguration(url: try DatabaseURL(url))
        configuration.applicationName = "farebox serve"
        configuration.connectionsMax = connectionsMax
        return configuration
    }

    /// The log is append-only by privilege when `serve` is not the owner, and says so when it is.
    private static func warnOfOwnership(_ database: Database, _ log: Log) async throws {
        let isOwner = try await database.read { session in
            try session.execute(
                """
                SELECT pg_has_role(current_user, c.relowner, 'USAGE')
                    OR (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS owner
                FROM pg_class c WHERE c.oid = 'events'::regclass
                """
            ).single().get("owner", as: Bool.self)
        }
        if isOwner {
            log.warning(
                "serving as the owner of the tables or a superuser: triggers alone protect the"
                    + " event log; give DATABASE_URL a role that is a member of farebox_service"
            )
        }
    }

    private static func importPrices(
        _ path: String?,
        _ database: Database,
        _ log: Log
    ) async throws {
        guard let path else { return }
        let file = try PriceFile.read(path, format: nil)
        let publication = try await PriceBook(database).publish(file.sheet)
        if publication.outcome == .published {
            log.info(
                "published prices",
                [
                    "version": .number(publication.header.version.number),
                    "models": .number(Int64(file.sheet.models.count)),
                    "effective_at": .text(publication.header.effectiveAt.description),
                ]
            )
        }
    }

    private static func endInterruptedCalls(
        _ journal: Journal,
        _ log: Log,
        at now: Instant
    ) async throws {
        let report = try await InterruptedCalls.end(in: journal, at: now)
        guard report.count + report.unreadable > 0 else { return }
        log.warning(
            "ended calls that an earlier process left",
            [
                "calls": .number(Int64(report.count)),
                "unreadable": .number(Int64(report.unreadable)),
                "loss_at_most": .text(report.lossBound.description),
            ]
        )
    }

    private static func servers(
        _ options: ServeOptions,
        _ listen: PortReservation,
        _ loops: LoopsRunner,
        _ gateways: [Gateway],
        _ payments: PaymentsRunner
    ) -> [HTTPServer] {
        var limits = HTTPLimits()
        limits.connectionsMax = options.configuration.gateway.limits.connectionsMax
        limits.bodyBytesMax = options.configuration.gateway.limits.bodyBytesMax
        return zip(loops.members, gateways).map { member, gateway in
            HTTPServer(
                loop: member.loop,
                address: listen.address,
                reusePort: true,
                limits: limits,
                handler: { request, exchange in
                    if payments.takes(request) {
                        return await payments.handle(request, exchange)
                    }
                    await gateway.handle(request, exchange)
                }
            )
        }
    }
}

extension EscrowSettings {
    /// What a configuration sets; each instance tells the database its own durations.
    fileprivate init(_ configuration: ConfigurationFile) {
        self.init()
        let limits = configuration.gateway.limits
        standby = configuration.standby
        validity = limits.leaseValidity
        callDeadline = limits.callDeadline
        margin = limits.leaseMargin
    }
}
