import Ledger
import Schema
import Testing

@testable import Billing

@Suite struct ReceiptTests {
    private static let vat = TaxRule(category: .standard, rate: 19_000, reason: nil)

    @Test func `each paid grant has one receipt, taxed, and gifts have none`() async throws {
        try await MonthStage.run(at: "2025-06-10T23:30:00Z") { stage in
            _ = try await stage.account(zone: "Europe/Berlin")
            _ = try await stage.parties.setTax(Self.vat, of: "acme", at: stage.now)
            let first = try await stage.grant("20")
            try await stage.grant("5", .promotional)
            try await stage.advance(to: "2025-06-12T00:00:00Z")
            let second = try await stage.grant("0.015")
            let receipts = try await stage.invoices.issueReceipts("acme", at: stage.now)
                .map(\.document)
            #expect(receipts.map(\.number) == ["INV-R-2025-00001", "INV-R-2025-00002"])
            #expect(
                receipts.map { $0.payment?.grant } == [first.description, second.description]
            )
            // The day there, which is the next one already.
            #expect(receipts[0].payment?.date == CalendarDate("2025-06-11"))
            #expect(receipts.map(\.totals.total) == [MinorUnits(2_380), MinorUnits(2)])
            #expect(receipts.map(\.totals.tax) == [MinorUnits(380), .zero])
            #expect(receipts.allSatisfy { $0.totals.due == .zero && $0.dueDate == nil })
            #expect(try await stage.invoices.issueReceipts("acme", at: stage.now).isEmpty)
            #expect(try await Accounts(stage.database).show("acme").balance == Pico("25.015"))
        }
    }

    @Test func `what a receipt has taxed is taxed on no invoice`() async throws {
        try await MonthStage.run(at: "2025-06-10T00:00:00Z") { stage in
            let account = try await stage.account(limit: "100")
            _ = try await stage.parties.setTax(Self.vat, of: "acme", at: stage.now)
            try await stage.grant("10")
            let receipts = try await stage.invoices.issueReceipts("acme", at: stage.now)
            #expect(receipts.map(\.document.totals.tax) == [MinorUnits(190)])
            try await stage.charge(Pico(15_000_000_000_000), account)
            try await stage.advance(to: "2025-07-02T00:00:00Z")
            let invoices = try await stage.close("2025-06")
            #expect(invoices.map(\.totals.net) == [MinorUnits(500)])
            #expect(invoices.map(\.totals.tax) == [MinorUnits(95)])
        }
    }

    @Test func `a grant that was taken back or has not begun has no receipt`() async throws {
        try await MonthStage.run(at: "2025-06-10T00:00:00Z") { stage in
            _ = try await stage.account()
            let voided = try await stage.grant("20")
            let credits = Credits(stage.database)
            _ = try await credits.void(voided, at: stage.now)
            var later = Credits.Grant(account: "acme", amount: try #require(Pico("30")))
            later.startsAt = Instant("2025-06-20T00:00:00Z")
            _ = try await credits.grant(later, at: stage.now)
            #expect(try await stage.invoices.issueReceipts("acme", at: stage.now).isEmpty)
            try await stage.advance(to: "2025-06-20T00:00:00Z")
            let receipts = try await stage.invoices.issueReceipts("acme", at: stage.now)
            #expect(receipts.map(\.document.totals.total) == [MinorUnits(3_000)])
        }
    }

    @Test func `a grant that was voided before its receipt is taxed on what was burned of it`()
        async throws
    {
        try await MonthStage.run(at: "2025-06-10T00:00:00Z") { stage in
            let account = try await stage.account()
            _ = try await stage.parties.setTax(Self.vat, of: "acme", at: stage.now)
            let grant = try await stage.grant("20")
            try await stage.charge(Pico(5_000_000_000_000), account)
            try await stage.advance(to: "2025-06-11T00:00:00Z")
            _ = try await Credits(stage.database).void(grant, at: stage.now)
            try await stage.advance(to: "2025-06-12T00:00:00Z")
            let receipts = try await stage.invoices.issueReceipts("acme", at: stage.now)
            #expect(receipts.map(\.document.totals.net) == [MinorUnits(500)])
            #expect(receipts.map(\.document.totals.tax) == [MinorUnits(95)])
            #expect(try await stage.invoices.verdicts().allSatisfy { $0.isOK })
            #expect(try await stage.invoices.verifyAll().wrong == [])
            // One that is voided behind its receipt leaves that what it was.
            let other = try await stage.grant("7")
            _ = try await stage.invoices.issueReceipts("acme", at: stage.now)
            try await stage.advance(to: "2025-06-13T00:00:00Z")
            _ = try await Credits(stage.database).void(other, at: stage.now)
            #expect(try await stage.invoices.issueReceipts("acme", at: stage.now).isEmpty)
            let verdicts = try await stage.invoices.verdicts()
            #expect(verdicts.count == 2)
            #expect(verdicts.allSatisfy { $0.isOK })
        }
    }

    @Test func `what went back of a payment before its receipt is not on it`() async throws {
        try await MonthStage.run(at: "2025-06-10T00:00:00Z") { stage in
            let account = try await stage.account(limit: "100")
            _ = try await stage.parties.setTax(Self.vat, of: "acme", at: stage.now)
            try await stage.topUp("10", refunded: "4")
            try await stage.advance(to: "2025-06-10T01:00:00Z")
            let voided = try await stage.topUp("20", refunded: "3")
            try await stage.charge(Pico(8_000_000_000_000), account)
            try await stage.advance(to: "2025-06-11T00:00:00Z")
            _ = try await Credits(stage.database).void(voided, at: stage.now)
            try await stage.advance(to: "2025-06-12T00:00:00Z")
            let receipts = try await stage.invoices.issueReceipts("acme", at: stage.now)
            // Of the second, 8 − 6 were burned, and the rest went back in two ways.
            #expect(
                receipts.map(\.document.totals.net) == [MinorUnits(600), MinorUnits(200)]
            )
            #expect(try await stage.invoices.verdicts().allSatisfy { $0.isOK })
            #expect(try await stage.invoices.verifyAll().wrong == [])
        }
    }

    @Test func `a payment is taxed as it was when it was asked for`() async throws {
        try await MonthStage.run(at: "2025-06-10T00:00:00Z") { stage in
            _ = try await stage.account()
            _ = try await stage.parties.setTax(Self.vat, of: "acme", at: stage.now)
            try await stage.topUp("100")
            try await stage.advance(to: "2025-06-20T00:00:00Z")
            let later = TaxRule(category: .standard, rate: 16_000, reason: nil)
            _ = try await stage.parties.setTax(later, of: "acme", at: stage.now)
            try await stage.topUp("100")
            let receipts = try await stage.invoices.issueReceipts("acme", at: stage.now)
            #expect(
                receipts.map(\.document.totals.tax) == [MinorUnits(1_900), MinorUnits(1_600)]
            )
            #expect(try await stage.invoices.verdicts().allSatisfy { $0.isOK })
            #expect(try await stage.invoices.verifyAll().wrong == [])
        }
    }

    @Test func `a payment that was disputed and won back has one receipt, before or behind it`()
        async throws
    {
        try await MonthStage.run(at: "2025-06-10T00:00:00Z") { stage in
            _ = try await stage.account()
            try await stage.topUp("10", "pi_1")
            try await stage.dispute("10", of: "pi_1", isReturned: false)
            #expect(try await stage.invoices.issueReceipts("acme", at: stage.now).isEmpty)
            try await stage.advance(to: "2025-06-11T00:00:00Z")
            try await stage.dispute("10", of: "pi_1", isReturned: true)
            let behind = try await stage.invoices.issueReceipts("acme", at: stage.now)
            #expect(behind.map(\.document.totals.net) == [MinorUnits(1_000)])
            try await stage.topUp("7", "pi_2")
            let before = try await stage.invoices.issueReceipts("acme", at: stage.now)
            #expect(before.map(\.document.totals.net) == [MinorUnits(700)])
            try await stage.advance(to: "2025-06-12T00:00:00Z")
            try await stage.dispute("7", of: "pi_2", isReturned: false)
            try await stage.dispute("7", of: "pi_2", isReturned: true)
            #expect(try await stage.invoices.issueReceipts("acme", at: stage.now).isEmpty)
            #expect(try await stage.invoices.verdicts().allSatisfy { $0.isOK })
            #expect(try await stage.invoices.verifyAll().wrong == [])
        }
    }

    @Test func `a refund that failed behind its receipt has no other`() async throws {
        try await MonthStage.run(at: "2025-06-10T00:00:00Z") { stage in
            _ = try await stage.account()
            try await stage.topUp("10", "pi_1")
            let receipts = try await stage.invoices.issueReceipts("acme", at: stage.now)
            #expect(receipts.map(\.document.totals.net) == [MinorUnits(1_000)])
            try await stage.advance(to: "2025-06-12T00:00:00Z")
            try await stage.refund("4", of: "pi_1")
            try await stage.refund("4", of: "pi_1", hasFailed: true)
            #expect(try await stage.invoices.issueReceipts("acme", at: stage.now).isEmpty)
            #expect(try await Accounts(stage.database).show("acme").balance == Pico("10"))
            // Before its receipt the two come to the payment.
            try await stage.topUp("7", "pi_2", refunded: "2")
            try await stage.refund("2", of: "pi_2", hasFailed: true)
            let parts = try await stage.invoices.issueReceipts("acme", at: stage.now)
            #expect(Set(parts.map(\.document.totals.net)) == [MinorUnits(500), MinorUnits(200)])
            #expect(try await stage.invoices.verdicts().allSatisfy { $0.isOK })
        }
    }

    @Test func `two who issue at once make one receipt for each grant, in several batches`()
        async throws
    {
        try await MonthStage.run(at: "2025-06-10T00:00:00Z") { stage in
            _ = try await stage.account()
            _ = try await stage.account("bolt")
            _ = try await stage.account("quiet", isBilled: false)
            for _ in 0...IssueReceipts.batch { try await stage.grant("1") }
            try await stage.grant("2", to: "bolt")
            try await stage.grant("3", to: "quiet")
            let copy = stage
            async let one = copy.invoices.issueAllReceipts(at: copy.now)
            async let other = copy.invoices.issueAllReceipts(at: copy.now)
            let reports = try await [one, other]
            #expect(reports.allSatisfy { $0.failures.isEmpty })
            #expect(
                reports.reduce(0) { $0 + $1.documents.count } == IssueReceipts.batch + 2
            )
            let stored = try await stage.invoices.list()
            #expect(Set(stored.map { $0.document.payment?.grant }).count == stored.count)
            #expect(stored.count == IssueReceipts.batch + 2)
            let error = await #expect(throws: LedgerError.self) {
                try await copy.invoices.issueReceipts("quiet", at: copy.now)
            }
            #expect(error?.code == .refused)
        }
    }

    @Test func `receipts are made again to the byte of the events that granted`() async throws {
        try await MonthStage.run(at: "2025-06-10T23:30:00Z") { stage in
            _ = try await stage.account(zone: "Europe/Berlin")
            _ = try await stage.parties.setTax(Self.vat, of: "acme", at: stage.now)
            try await stage.grant("20")
            var later = Credits.Grant(account: "acme", amount: try #require(Pico("0.015")))
            later.startsAt = Instant("2025-06-20T00:00:00Z")
            later.reference = "bank-7"
            _ = try await Credits(stage.database).grant(later, at: stage.now)
            _ = try await Sealer(stage.database).sweep()
            try await stage.advance(to: "2025-06-21T00:00:00Z")
            _ = try await stage.invoices.issueReceipts("acme", at: stage.now)
            // Later details and taxes are those of later documents.
            let free = TaxRule(category: .exempt, rate: 0, reason: "moved")
            _ = try await stage.parties.setTax(free, of: "acme", at: stage.now)
            let numbers = try await stage.invoices.numbers()
            #expect(numbers == ["INV-R-2025-00001", "INV-R-2025-00002"])
            for number in numbers {
                #expect(try await stage.invoices.verify(number).isOK)
            }
            try await stage.tamper(
                "documents",
                sql: "UPDATE documents SET tax = tax - 1 WHERE number = 'INV-R-2025-00001'"
            )
            let verdict = try await stage.invoices.verify(numbers[0])
            #expect(verdict.differences.map(\.place) == ["documents.tax"])
        }
    }
}
