import Ledger
import Postgres
import Schema
import TestSupport
import Testing

@testable import Billing

/// What holds of any months, whatever was granted, charged and closed in them, and when.
@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct MonthPropertyTests {
    private static let zones = ["UTC", "America/St_Johns", "Pacific/Kiritimati", "Europe/Berlin"]

    @Test(arguments: 1...6 as ClosedRange<UInt64>)
    func `random months sum up, roll forward, and change no more`(seed: UInt64) async throws {
        try await MonthStage.run(at: "2025-01-10T12:00:00Z") { stage in
            let isPrepaid = seed.isMultiple(of: 2)
            let account = try await stage.account(
                zone: Self.zones[Int(seed) % Self.zones.count],
                currency: seed.isMultiple(of: 3) ? "JPY" : "USD",
                limit: isPrepaid ? "0" : "500"
            )
            var months = RandomMonths(account: account, generator: SeededGenerator(seed: seed))
            for _ in 0..<60 { try await months.step(&stage) }
            try await months.closeAll(&stage)
            let documents = try await stage.invoices.list(account: "acme")
            let figures = try await LedgerFigures.read(account, stage)
            #expect(documents.count > 1 && figures.calls > 5, "the months are too few to say much")
            requireUsage(documents, figures)
            requireGrants(documents, figures, isPrepaid: isPrepaid)
            try await requireRollForward(documents, stage)
            requireNothingNegative(documents)
            try await requireRepeatChangesNothing(documents, stage)
        }
    }

    /// Every call is on one document, and its charge in that document's lines and residue.
    private func requireUsage(_ documents: [StoredDocument], _ figures: LedgerFigures) {
        let sums = documents.map { stored in
            stored.document.totals.subtotal.pico(in: stored.document.currency)
                + stored.document.totals.residue
        }
        #expect(sums.reduce(.zero, +) == figures.usage)
        #expect(documents.reduce(0) { $0 + $1.document.events } == figures.calls)
        let booked = documents.reduce(Pico.zero) { $0 + $1.document.totals.booked }
        #expect(booked == figures.rounding)
    }

    /// What was granted is left, on documents, expired, or paid what was owed before.
    private func requireGrants(
        _ documents: [StoredDocument],
        _ figures: LedgerFigures,
        isPrepaid: Bool
    ) {
        var applied: [String: Pico] = [:]
        for credit in documents.flatMap(\.document.creditsApplied) {
            applied[credit.grant, default: .zero] += credit.exact
        }
        let list = figures.list
        let covered = applied.values.reduce(Pico.zero, +)
        let granted = list.grants.filter { $0.origin == .grant }
            .reduce(Pico.zero) { $0 + $1.amount }
        let remaining = list.grants.reduce(Pico.zero) { $0 + $1.remaining }
        #expect(list.account.balance == remaining - list.unpaid)
        let paidDebts = granted - figures.expired - remaining - covered
        #expect(paidDebts == figures.usage - covered - figures.rounding - list.unpaid)
        guard isPrepaid else { return }
        #expect(paidDebts == .zero)
        for grant in list.grants {
            #expect(grant.burned == applied[grant.id.description] ?? .zero)
            #expect(grant.remaining == .zero || grant.remaining == grant.amount - grant.burned)
        }
    }

    /// Each document begins where the one before ended, and the open month goes on to the balance.
    private func requireRollForward(
        _ documents: [StoredDocument],
        _ stage: MonthStage
    ) async throws {
        let balances = documents.compactMap(\.document.balances)
        #expect(balances.count == documents.count)
        #expect(balances.first?.opening == .zero)
        for (earlier, later) in zip(balances, balances.dropFirst()) {
            #expect(earlier.closing == later.opening)
        }
        let months = documents.compactMap(\.document.period?.month)
        #expect(zip(months, months.dropFirst()).allSatisfy { $0.next == $1 })
        let draft = try await stage.invoices.draft("acme", at: stage.now)
        let open = try #require(draft?.balances)
        #expect(open.opening == balances.last?.closing)
        let head = try await Accounts(stage.database).show("acme")
        #expect(open.closing == head.balance)
    }

    private func requireNothingNegative(_ documents: [StoredDocument]) {
        for document in documents.map(\.document) {
            #expect(document.lines.allSatisfy { $0.exact >= .zero && $0.amount >= .zero })
            #expect(document.lines.allSatisfy { $0.quantity >= 0 })
            #expect(
                document.creditsApplied.allSatisfy { $0.exact >= .zero && $0.amount >= .zero }
            )
            #expect(document.totals.tax >= .zero && document.totals.total >= .zero)
            #expect(document.kind == .invoice || document.totals.due == .zero)
        }
    }

    private func requireRepeatChangesNothing(
        _ documents: [StoredDocument],
        _ stage: MonthStage
    ) async throws {
        let head = try await Accounts(stage.database).show("acme")
        let last = try #require(documents.last?.document.period?.month)
        #expect(try await stage.close(last.description) == [])
        #expect(try await Accounts(stage.database).show("acme") == head)
        #expect(try await stage.invoices.list(account: "acme") == documents)
        for document in documents {
            let verdict = try await stage.invoices.verify(document.number)
            #expect(verdict == DocumentVerdict(number: document.number, differences: []))
        }
    }
}

/// An account's life by chance.
private struct RandomMonths {
    let account: AccountID
    var generator: SeededGenerator

    mutating func step(_ stage: inout MonthStage) async throws {
        switch Int.random(in: 0..<12, using: &generator) {
        case 0: try await stage.grant(amount(), .paid)
        case 1: try await stage.grant(amount(), .promotional, expires: later(stage).description)
        case 2, 3: try await advance(&stage)
        case 4: try await closeSome(stage)
        default: try await charge(stage)
        }
    }

    /// Goes on to a month that nothing has happened in, and closes all before.
    mutating func closeAll(_ stage: inout MonthStage) async throws {
        try await stage.advance(to: stage.now.adding(seconds: 45 * 86_400).description)
        _ = try await stage.invoices.close("acme", through: lastOver(stage), at: stage.now)
    }

    private mutating func amount() -> String {
        let units = Int64.random(in: 1...40_000_000_000_000, using: &generator)
        return Pico(Int128(units)).description
    }

    private mutating func later(_ stage: MonthStage) -> Instant {
        stage.now.adding(seconds: Int64.random(in: 3_600...(50 * 86_400), using: &generator))
    }

    private mutating func advance(_ stage: inout MonthStage) async throws {
        let seconds = Int64.random(in: 60...(25 * 86_400), using: &generator)
        try await stage.advance(to: stage.now.adding(seconds: seconds).description)
    }

    private func closeSome(_ stage: MonthStage) async throws {
        let head = try await Accounts(stage.database).show("acme")
        guard head.version > 0 else { return }
        _ = try await stage.invoices.close("acme", through: lastOver(stage), at: stage.now)
    }

    /// The month before last is over in every zone.
    private func lastOver(_ stage: MonthStage) throws -> Month {
        let day = CalendarDate(daysSince1970: stage.now.microseconds / 86_400_000_000 - 1)
        return Month(day).previous
    }

    /// A call that there is cover for, now or up to forty days ago.
    private mutating func charge(_ stage: MonthStage) async throws {
        let available = try await Accounts(stage.database).show("acme").available.units
        guard available > 0 else { return }
        let most = min(available, 9_000_000_000_000)
        let charge = Int128(Int64.random(in: 0...Int64(most), using: &generator))
        let age = Int64.random(in: 0...(80 * 86_400), using: &generator) - 40 * 86_400
        let date = stage.now.adding(seconds: -max(0, age))
        try await stage.charge(
            Pico(charge),
            account,
            at: date.description,
            tokens: Int64.random(in: 0...1_000, using: &generator)
        )
    }
}

/// What the events and the grants of an account say, beside all documents.
private struct LedgerFigures: Sendable {
    let usage: Pico
    let calls: Int64
    let expired: Pico
    let rounding: Pico
    let list: GrantList

    static func read(_ account: AccountID, _ stage: MonthStage) async throws -> LedgerFigures {
        let list = try await Credits(stage.database).list("acme")
        return try await stage.database.read { session in
            func sum(_ kind: String) throws -> Pico {
                try session.execute(
                    """
                    SELECT coalesce(sum(amount_pico), 0)::numeric(38,0) AS amount FROM events
                    WHERE account_id = \(account) AND kind = \(kind)
                    """
                ).single().get("amount")
            }
            let calls = try session.execute(
                """
                SELECT count(*) AS calls FROM events
                WHERE account_id = \(account) AND kind = 'usage'
                """
            ).single().get("calls", as: Int64.self)
            return LedgerFigures(
                usage: try -sum("usage"),
                calls: calls,
                expired: try -sum("credit_expired"),
                rounding: try sum("rounding"),
                list: list
            )
        }
    }
}
