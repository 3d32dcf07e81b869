import Ledger
import Postgres
import Schema

/// An account's month as rows of FOCUS, read as they are asked for.
struct FocusMonth {
    let context: FocusContext
    private let projects: [ProjectID: String]
    private let documents: BookedDocuments
    private var reader: BookReader
    private(set) var shared: FocusShared
    private var usage = FocusUsage()
    /// When each paid grant came, so that what takes it back later is told to be a correction.
    private var grantMonths: [GrantID: Month] = [:]
    private var isDone = false

    init(
        _ reader: BookReader,
        _ bounds: MonthCalendar.Bounds,
        _ shared: FocusShared,
        _ database: Database
    ) async throws(LedgerError) {
        let account = reader.account
        let names = try await database.ledgerRead { session in
            let profile = try BillingProfile.read(account.id, session)
            let issuer = try profile.flatMap { try Issuer.read($0.issuer, session) }
            let projects = try MonthFacts.projects(of: account.id, session)
            let keys = try MonthFacts.keys(of: account.id, projects, session)
            return (
                provider: issuer?.party.legalName ?? "Farebox", projects: projects,
                keys: keys.mapValues(\.name)
            )
        }
        context = FocusContext(
            account: account,
            bounds: bounds,
            provider: names.provider,
            keyNames: names.keys
        )
        self.reader = reader
        self.shared = shared
        projects = names.projects
        documents = try await BookedDocuments.read(of: account, before: bounds.endsAt, database)
    }

    /// The next rows; nil behind the last.
    mutating func next() async throws(LedgerError) -> [FocusRow]? {
        guard !isDone else { return nil }
        guard let page = try await reader.next() else {
            isDone = true
            return try await usageRows() + taxRows()
        }
        let events = page.filter { $0.month == context.bounds.month }
        for event in page { note(event) }
        try await shared.days.load(Set(events.map(\.serviceMonth)), in: reader.timeZone)
        try await addCalls(events)
        let maker = FocusRows(context: context, projects: projects, prices: shared.prices)
        let rows = events.compactMap { event in
            maker.row(
                event,
                isCredited: isCredited(event),
                on: shared.days.period(of: event.occurredAt),
                correctsEarlier: correctsEarlier(event)
            )
        }
        return usage.isFull ? try await rows + usageRows() : rows
    }

    private mutating func addCalls(_ events: [BookedEvent]) async throws(LedgerError) {
        let calls = events.filter { $0.kind == .usage }
        guard let first = calls.first, let last = calls.last else { return }
        var rest = calls[...]
        for recorded in try await reader.calls(first.version...last.version) {
            guard rest.first?.version == recorded.version, let event = rest.popFirst(),
                case .usage(let call) = recorded.event.body
            else { continue }
            usage.add(call, event, on: shared.days.period(of: event.occurredAt))
        }
    }

    private mutating func usageRows() async throws(LedgerError) -> [FocusRow] {
        let groups = usage.take()
        try await shared.prices.load(Set(groups.map(\.group.call.priceVersion)))
        let maker = FocusRows(context: context, projects: projects, prices: shared.prices)
        return groups.flatMap { maker.rows($0.group, $0.sum) }
    }

    private mutating func taxRows() async throws(LedgerError) -> [FocusRow] {
        guard !documents.taxes.isEmpty else { return [] }
        let month = context.bounds.month
        try await shared.days.load([month], in: reader.timeZone)
        let maker = FocusRows(context: context, projects: projects, prices: shared.prices)
        return documents.taxes.filter { reader.month(of: $0.instant) == month }
            .compactMap { maker.row($0, on: shared.days.period(of: $0.instant)) }
    }

    // MARK: What corrects what

    private mutating func note(_ event: BookedEvent) {
        guard case .creditGranted(let grant) = event.other?.recorded.event.body,
            grant.kind == .paid
        else { return }
        grantMonths[grant.grant] = event.month
    }

    private func isCredited(_ event: BookedEvent) -> Bool {
        (event.other?.recorded.event.id).map { documents.creditedGrants.contains($0) } ?? false
    }

    private func correctsEarlier(_ event: BookedEvent) -> Bool {
        switch event.other?.recorded.event.body {
        case .creditNote: true
        case .creditGranted: isCredited(event)
        case .creditVoided(let end): isEarlier(end.grant)
        case .creditChargedBack(let end): isEarlier(end.grant)
        default: false
        }
    }

    private func isEarlier(_ grant: GrantID) -> Bool {
        grantMonths[grant].map { $0 < context.bounds.month } ?? false
    }
}

/// What the accounts of an export have in common, so that it is read once.
struct FocusShared: Sendable {
    var prices: FocusPrices
    var days: FocusDays

    init(_ database: Database) {
        prices = FocusPrices(database)
        days = FocusDays(database)
    }
}

/// The days of a time zone as instants, computed by PostgreSQL for the months that are asked for.
struct FocusDays: Sendable {
    private let database: Database
    /// The zone of the days that are held.
    private var timeZone = ""
    private var months: Set<Month> = []
    private var days: [FocusPeriod] = []

    init(_ database: Database) {
        self.database = database
    }

    mutating func load(_ wanted: Set<Month>, in zone: String) async throws(LedgerError) {
        if zone != timeZone { (timeZone, months, days) = (zone, [], []) }
        for month in wanted.subtracting(months) {
            let (first, next) = (month.firstDay, month.next.firstDay)
            let starts = try await database.ledgerRead { session in
                try session.execute(
                    """
                    SELECT first_instant(day::date, \(zone)) AS starts_at
                    FROM generate_series(\(first)::timestamp, \(next)::timestamp,
                        interval '1 day') AS day
                    ORDER BY day
                    """
                ).map { try $0.get("starts_at", as: Instant.self) }
            }
            days += zip(starts, starts.dropFirst()).map { FocusPeriod(startsAt: $0, endsAt: $1) }
            months.insert(month)
            days.sort()
        }
    }

    /// The day of an instant in a month that was loaded.
    func period(of instant: Instant) -> FocusPeriod {
        var (low, high) = (0, days.count)
        while low < high {
            let middle = (low + high) / 2
            if days[middle].startsAt <= instant { low = middle + 1 } else { high = middle }
        }
        return days[max(low - 1, 0)]
    }
}
