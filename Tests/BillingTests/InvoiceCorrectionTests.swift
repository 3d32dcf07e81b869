import Ledger
import Schema
import Testing

@testable import Billing

@Suite struct InvoiceCorrectionTests {
    /// An invoice of 10.00 and 1.90 of tax.
    private static func run(
        _ body: (inout MonthStage, String) async throws -> Void
    ) async throws {
        try await MonthStage.run(at: "2025-06-10T00:00:00Z") { stage in
            let account = try await stage.account(limit: "100")
            let tax = TaxRule(category: .standard, rate: 19_000, reason: nil)
            _ = try await stage.parties.setTax(tax, of: "acme", at: stage.now)
            try await stage.charge(Pico(10_000_000_000_000), account)
            try await stage.advance(to: "2025-07-02T00:00:00Z")
            let documents = try await stage.close("2025-06")
            let invoice = try #require(documents.first)
            #expect(invoice.totals.due == MinorUnits(1_190))
            try await body(&stage, try #require(invoice.number))
        }
    }

    private static func balance(_ stage: MonthStage) async throws -> Pico? {
        try await Accounts(stage.database).show("acme").balance
    }

    private static func expect(
        _ code: LedgerError.Code,
        sourceLocation: SourceLocation = #_sourceLocation,
        _ body: () async throws -> Void
    ) async {
        do {
            try await body()
            Issue.record("it was done", sourceLocation: sourceLocation)
        } catch {
            #expect((error as? LedgerError)?.code == code, sourceLocation: sourceLocation)
        }
    }

    @Test func `a whole credit note voids an invoice, once`() async throws {
        try await Self.run { stage, number in
            let note = try await stage.credit(number)
            #expect(note.number == "INV-CN-2025-00001")
            #expect(note.document.corrects?.number == number)
            #expect(note.document.totals.net == MinorUnits(1_000))
            #expect(note.document.totals.tax == MinorUnits(190))
            #expect(note.document.totals.due == .zero)
            #expect(try await Self.balance(stage) == Pico("0"))
            let stage = stage
            await Self.expect(.refused) { try await stage.credit(number) }
            await Self.expect(.refused) { try await stage.pay(number, "bank-1") }
            let invoice = try await stage.invoices.show(number)
            #expect(invoice.status == .credited)
            #expect(invoice.outstanding == .zero)
        }
    }

    @Test func `credit notes never sum to a cent above their invoice`() async throws {
        try await Self.run { stage, number in
            try await stage.credit(number, "3.33")
            try await stage.credit(number, "0.01")
            let stage = stage
            await Self.expect(.refused) { try await stage.credit(number, "8.57") }
            await Self.expect(.invalid) { try await stage.credit(number, "0.001") }
            await Self.expect(.invalid) { try await stage.credit(number, "-1") }
            #expect(try await stage.invoices.show(number).status == .partlyCredited)
            try await stage.credit(number, "8.56")
            let invoice = try await stage.invoices.show(number)
            #expect(invoice.status == .credited)
            #expect(invoice.standing.creditedNet == MinorUnits(1_000))
            #expect(invoice.standing.creditedTax == MinorUnits(190))
            #expect(try await Self.balance(stage) == Pico("0"))
        }
    }

    @Test func `the same credit twice by one key is one note, and another content is refused`()
        async throws
    {
        try await Self.run { stage, number in
            let first = try await stage.credit(number, "2.38", key: "k")
            #expect(try await stage.credit(number, "2.38", key: "k") == first)
            let stage = stage
            await Self.expect(.conflict) { try await stage.credit(number, "2.39", key: "k") }
            #expect(try await stage.invoices.list().count == 2)
            #expect(try await Self.balance(stage) == Pico("-8"))
        }
    }

    @Test func `many whole credits at once make one note`() async throws {
        try await Self.run { stage, number in
            let stage = stage
            let made = await withTaskGroup(of: Bool.self) { group in
                for _ in 0..<8 {
                    group.addTask { (try? await stage.credit(number)) != nil }
                }
                return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            let balance = try await Self.balance(stage)
            #expect(made == 1)
            #expect(balance == Pico("0"))
        }
    }

    @Test func `a payment settles what credit notes have left, once`() async throws {
        try await Self.run { stage, number in
            try await stage.credit(number, "2.38")
            #expect(try await stage.invoices.show(number).outstanding == MinorUnits(952))
            let paid = try await stage.pay(number, "bank-1")
            #expect(paid.status == .paid)
            #expect(try await stage.pay(number, "bank-1") == paid)
            #expect(try await stage.invoices.show(number) == paid)
            let stage = stage
            await Self.expect(.conflict) { try await stage.pay(number, "bank-2") }
            await Self.expect(.notFound) { try await stage.pay("INV-1", "bank-2") }
            #expect(try await Self.balance(stage) == Pico("0"))
        }
    }

    @Test func `what was paid comes back as a grant that later calls burn`() async throws {
        try await Self.run { stage, number in
            try await stage.pay(number, "bank-1")
            let account = try await Accounts(stage.database).show("acme")
            // Not paid yet, and of another invoice: the credit must not pay it.
            try await stage.charge(Pico(1_000_000_000_000), account.id)
            let note = try await stage.credit(number, "5.95")
            let listed = try await Credits(stage.database).list("acme")
            #expect(listed.unpaid == Pico("1"))
            #expect(listed.grants.map(\.remaining) == [Pico("5")])
            #expect(listed.grants.map(\.reference) == [note.number])
            #expect(try await stage.invoices.show(number).status == .paid)
            try await stage.charge(Pico(2_000_000_000_000), account.id)
            try await stage.advance(to: "2025-08-02T00:00:00Z")
            let july = try await stage.close("2025-07")
            #expect(july.map(\.totals.creditsApplied) == [MinorUnits(200)])
            #expect(july.map(\.totals.net) == [MinorUnits(100)])
        }
    }

    @Test func `a statement asks for nothing: it is neither paid nor credited`() async throws {
        try await MonthStage.run(at: "2025-06-10T00:00:00Z") { stage in
            let account = try await stage.account()
            try await stage.grant("20")
            try await stage.charge(Pico(1_000_000_000_000), account)
            try await stage.advance(to: "2025-07-02T00:00:00Z")
            let documents = try await stage.close("2025-06")
            let number = try #require(documents.first?.number)
            let stage = stage
            await Self.expect(.refused) { try await stage.credit(number) }
            await Self.expect(.refused) { try await stage.pay(number, "bank-1") }
        }
    }
}
