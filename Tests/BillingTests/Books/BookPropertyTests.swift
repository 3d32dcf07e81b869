import Ledger
import Schema
import TestSupport
import Testing

@testable import Billing

/// What holds of the books of any account, whatever happened to it.
@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct BookPropertyTests {
    @Test(arguments: 1...6 as ClosedRange<UInt64>)
    func `debits are credits, and deferred revenue is what paid grants have left`(
        seed: UInt64
    ) async throws {
        try await MonthStage.run(at: "2025-01-10T12:00:00Z") { stage in
            let account = try await stage.account(
                zone: seed.isMultiple(of: 2) ? "UTC" : "America/St_Johns",
                currency: seed.isMultiple(of: 3) ? "JPY" : "USD",
                limit: seed.isMultiple(of: 2) ? "20" : "0"
            )
            let tax = TaxRule(category: .standard, rate: 19_000, reason: nil)
            _ = try await stage.parties.setTax(tax, of: "acme", at: stage.now)
            var life = RandomLife(account: account, generator: SeededGenerator(seed: seed))
            for _ in 0..<70 { try await life.step(&stage) }
            try await requireSoundBooks(stage)
        }
    }

    private func requireSoundBooks(_ stage: MonthStage) async throws {
        let ledger = GeneralLedger(stage.database)
        let last = Month(CalendarDate(daysSince1970: stage.now.microseconds / 86_400_000_000))
        var month = try #require(Month("2025-01"))
        var before: [BookAccount: Pico] = [:]
        var entryCount = 0
        while month <= last {
            let reader = try await BookReader.open("acme", month, at: stage.now, stage.database)
            var moved: [BookAccount: Pico] = [:]
            let book = try await ledger.read(month, reader) { entry in
                entryCount += 1
                #expect(Month(entry.date) == month)
                #expect(entry.lines.reduce(Pico.zero) { $0 + $1.amount } == .zero)
                for line in entry.lines { moved[line.account, default: .zero] += line.amount }
            }
            #expect(book.opening.significant == before.significant)
            #expect(
                book.opening.merging(moved, uniquingKeysWith: +).significant
                    == book.closing.significant
            )
            try requireRounded(book.closing)
            try await requireCosts(month, moved, stage)
            before = book.closing
            month = month.next
        }
        #expect(entryCount > 20, "the life is too short to say much")
        try await requireRests(before, stage)
    }

    /// Costs by FOCUS are what customers were asked for, and what they used.
    private func requireCosts(
        _ month: Month,
        _ moved: [BookAccount: Pico],
        _ stage: MonthStage
    ) async throws {
        var text = ""
        try await FocusExport(stage.database).export(month, of: "acme", at: stage.now) {
            text += $0
        }
        let rows = CSVReading.rows(text)
        func total(_ column: String) throws -> Pico {
            let index = try #require(FocusCSV.names.firstIndex(of: column))
            return try rows.dropFirst().reduce(.zero) { $0 + (try #require(Pico($1[index]))) }
        }
        let asked = (moved[.cash] ?? .zero) + (moved[.receivable] ?? .zero)
        #expect(try total("BilledCost") == asked)
        #expect(try total("EffectiveCost") == asked + (moved[.deferredRevenue] ?? .zero))
    }

    /// What is left of grants, and what is owed, as the ledger and the documents have them.
    private func requireRests(_ books: [BookAccount: Pico], _ stage: MonthStage) async throws {
        let list = try await Credits(stage.database).list("acme")
        let rests = list.grants.filter { $0.kind == .paid }
            .reduce(Pico.zero) { $0 + $1.remaining }
        #expect(books[.deferredRevenue] ?? .zero == -rests)
        let taxes = try await stage.invoices.list().reduce(Pico.zero) { sum, stored in
            guard stored.document.kind == .invoice, stored.standing.paymentReference == nil else {
                return sum
            }
            let tax = stored.document.totals.tax - stored.standing.creditedTax
            return sum + tax.pico(in: stored.document.currency)
        }
        #expect(books[.receivable] ?? .zero == list.unpaid + taxes)
    }

    /// Books in whole cents balance, and are never half a cent off.
    private func requireRounded(_ balances: [BookAccount: Pico]) throws {
        let currency = Currency.usd
        let rounded = try RoundedBalances(balances, currency)
        let sum = BookAccount.allCases.reduce(MinorUnits.zero) { $0 + rounded[$1] }
        #expect(sum == .zero)
        for (account, amount) in balances where account != .rounding {
            let error = amount - rounded[account].pico(in: currency)
            #expect(error.units.magnitude * 2 <= currency.minorUnit.units.magnitude)
        }
    }
}

/// An account's life by chance, with everything that can happen to its credit and its invoices.
private struct RandomLife {
    let account: AccountID
    var generator: SeededGenerator
    private var count = 0

    init(account: AccountID, generator: SeededGenerator) {
        (self.account, self.generator) = (account, generator)
    }

    /// Does something; what the ledger's rules refuse does not happen.
    mutating func step(_ stage: inout MonthStage) async throws {
        count += 1
        do {
            try await act(&stage)
        } catch let error as LedgerError where error.code == .refused || error.code == .conflict {
            return
        }
    }

    private mutating func act(_ stage: inout MonthStage) async throws {
        switch Int.random(in: 0..<16, using: &generator) {
        case 0, 1: try await stage.grant(amount(20).description)
        case 2: try await stage.grant(amount(20).description, expires: later(stage))
        case 3: try await stage.grant(amount(9).description, .promotional, expires: later(stage))
        case 4, 5, 6:
            let seconds = Int64.random(in: 60...(20 * 86_400), using: &generator)
            try await stage.advance(to: stage.now.adding(seconds: seconds).description)
        case 7:
            let day = CalendarDate(daysSince1970: stage.now.microseconds / 86_400_000_000 - 1)
            _ = try await stage.close(Month(day).previous.description)
            _ = try await stage.invoices.issueReceipts("acme", at: stage.now)
        case 8: try await takeBack(stage)
        case 9: try await correct(stage)
        case 10: try await settle(stage)
        default: try await charge(stage)
        }
    }

    private mutating func amount(_ most: Int64) -> Pico {
        Pico(Int128(Int64.random(in: 1...(most * 1_000_000_000_000), using: &generator)))
    }

    private mutating func later(_ stage: MonthStage) -> String {
        stage.now.adding(seconds: Int64.random(in: 3_600...(50 * 86_400), using: &generator))
            .description
    }

    private mutating func charge(_ stage: MonthStage) async throws {
        let available = try await Accounts(stage.database).show("acme").available
        guard available > .zero else { return }
        let charge = min(available, amount(6))
        let age = max(0, Int64.random(in: -40...40, using: &generator)) * 86_400
        try await stage.charge(charge, account, at: stage.now.adding(seconds: -age).description)
    }

    /// Voids a grant or charges it back.
    private mutating func takeBack(_ stage: MonthStage) async throws {
        let credits = Credits(stage.database)
        let grants = try await credits.list("acme").grants.filter { $0.origin == .grant }
        guard let grant = grants.randomElement(using: &generator) else { return }
        if Bool.random(using: &generator) {
            _ = try await credits.void(grant.id, at: stage.now)
        } else {
            _ = try await credits.chargeBack(
                Credits.Chargeback(
                    account: "acme",
                    payment: grant.id.description,
                    reason: "disputed \(count)"
                ),
                at: stage.now
            )
        }
    }

    private mutating func correct(_ stage: MonthStage) async throws {
        let credits = Credits(stage.database)
        guard Bool.random(using: &generator) else {
            _ = try await credits.setLimit("acme", to: amount(30), at: stage.now)
            return
        }
        let isUp = Bool.random(using: &generator)
        var adjustment = Credits.Adjustment(
            account: "acme",
            amount: isUp ? amount(3) : -amount(3),
            reason: "correction \(count)"
        )
        adjustment.isForced = Bool.random(using: &generator)
        _ = try await credits.adjust(adjustment, at: stage.now)
    }

    /// Pays an invoice or takes a part of it back.
    private mutating func settle(_ stage: MonthStage) async throws {
        let invoices = try await stage.invoices.list().filter { $0.document.kind == .invoice }
        guard let invoice = invoices.randomElement(using: &generator) else { return }
        if Bool.random(using: &generator) {
            try await stage.pay(invoice.number, "bank-\(count)")
        } else {
            let unit = invoice.document.currency.minorUnit.units
            let amount = Int128(Int64.random(in: 1...300, using: &generator)) * unit
            try await stage.credit(invoice.number, Pico(amount).description)
        }
    }
}

extension [BookAccount: Pico] {
    /// Without what nothing stands in.
    fileprivate var significant: Self { filter { $0.value != .zero } }
}
