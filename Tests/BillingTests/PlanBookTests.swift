import Ledger
import Postgres
import Schema
import TestSupport
import Testing

@testable import Billing

@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct PlanBookTests {
    private func sheet(_ models: [String: Int128], _ source: PriceSource = .farebox) -> PriceSheet {
        PriceSheet(
            PriceLine(source, .usd),
            models: models.mapValues { price in
                var prices = ModelPrices()
                prices.tokenPrices = [
                    PriceKey(.input): Pico(price), PriceKey(.output): Pico(price),
                ]
                return prices
            }
        )
    }

    private let all = ModelPattern("*")
    private let claude = ModelPattern("claude-*")
    private let fifth = BasisPoints(2_000)
    private let tenth = BasisPoints(-1_000)

    private func price(
        _ snapshot: PriceSnapshot,
        _ model: String,
        at instant: Instant
    ) -> Int128? {
        snapshot.terms(model: model, currency: .usd, plan: "gold", at: instant)?
            .tokenPrices[PriceKey(.input)]?.units
    }

    private func make(_ database: Database, _ adjustments: PlanAdjustments) async throws {
        _ = try await PlanBook(database).create("gold", currency: .usd, adjustments: adjustments)
    }

    @Test func `a plan's prices are published as a version of their own, at once`() async throws {
        try await withBillingDatabase { database in
            let book = PriceBook(database)
            _ = try await book.publish(sheet(["m": 100]))
            try await make(database, .none.setting(try #require(all), to: fifth))
            let edition = try #require(try await book.edition(PriceVersion(2)))
            #expect(edition.header.line == PriceLine(.plan, .usd, plan: "gold"))
            #expect(edition["m"]?.tokenPrices[PriceKey(.input)] == Pico(120))
            let plans = try await PlanBook(database).list()
            #expect(plans.map(\.version) == [PriceVersion(2)])
        }
    }

    @Test func `a plan follows the list, from the same instant on`() async throws {
        try await withBillingDatabase { database in
            let book = PriceBook(database)
            try await make(database, .none.setting(try #require(all), to: fifth))
            let first = try await book.publish(sheet(["m": 100])).header.effectiveAt
            let later = first.adding(seconds: 7_200)
            _ = try await book.publish(sheet(["m": 200, "n": 10]), effectiveAt: later)
            // Published after it and effective before it: the later list still has its turn.
            let between = first.adding(seconds: 3_600)
            _ = try await book.publish(sheet(["o": 50], .litellm), effectiveAt: between)
            let snapshot = try await book.load()
            #expect(price(snapshot, "m", at: first) == 120)
            #expect(price(snapshot, "o", at: between.adding(seconds: -1)) == nil)
            #expect(price(snapshot, "m", at: between) == 120)
            #expect(price(snapshot, "o", at: between) == 60)
            #expect(price(snapshot, "m", at: later) == 240)
            #expect(price(snapshot, "n", at: later) == 12)
            #expect(price(snapshot, "o", at: later) == 60)
        }
    }

    @Test func `a list that changes nothing for a plan publishes nothing for it`() async throws {
        try await withBillingDatabase { database in
            let book = PriceBook(database)
            _ = try await book.publish(sheet(["claude-5": 100]))
            try await make(database, .none.setting(try #require(claude), to: tenth))
            _ = try await book.publish(sheet(["claude-5": 100, "gpt-5": 1]))
            #expect(try await book.list().map(\.source) == [.farebox, .plan, .farebox])
        }
    }

    @Test func `a change takes effect after notice, and calls before it pay the old price`()
        async throws
    {
        try await withBillingDatabase { database in
            let (book, plans) = (PriceBook(database), PlanBook(database))
            let start = try await book.publish(sheet(["claude-5": 100])).header.effectiveAt
            try await make(database, .none.setting(try #require(all), to: fifth))
            let claude = try #require(claude)
            let preview = try await plans.preview("gold", claude, to: tenth)
            #expect(preview.diff.changes.map(\.after) == [Pico(90), Pico(90)])
            #expect(try await book.list().count == 2)
            let change = try await plans.set("gold", claude, to: tenth)
            let effective = change.revision.effectiveAt
            #expect(effective >= change.revision.publishedAt.adding(seconds: 60))
            let snapshot = try await book.load()
            #expect(price(snapshot, "claude-5", at: effective.adding(seconds: -1)) == 120)
            #expect(price(snapshot, "claude-5", at: effective) == 90)
            #expect(try await plans.set("gold", claude, to: tenth).isUnchanged)
            await #expect(throws: PriceBookError.self) {
                try await plans.set("gold", claude, to: nil, effectiveAt: start)
            }
            await #expect(throws: PriceBookError.self) {
                try await plans.set("silver", claude, to: nil)
            }
            #expect(try await book.list().count == 3)
        }
    }

    @Test func `of two who change a plan the second is told`() async throws {
        try await withBillingDatabase { database in
            let plans = PlanBook(database)
            _ = try await PriceBook(database).publish(sheet(["claude-5": 100]))
            try await make(database, .none)
            let claude = try #require(claude)
            let seen = try await plans.list().first?.revisions.last?.number
            _ = try await plans.set("gold", claude, to: tenth, ifRevision: seen)
            await #expect(throws: PriceBookError.self) {
                try await plans.set("gold", claude, to: fifth, ifRevision: seen)
            }
            let plan = try #require(try await plans.list().first)
            let last = plan.revisions.last?.adjustments.entries.first
            #expect(last?.basisPoints == tenth)
        }
    }

    @Test func `a plan whose prices move a thousandfold is refused until it is forced`()
        async throws
    {
        try await withBillingDatabase { database in
            let plans = PlanBook(database)
            _ = try await PriceBook(database).publish(sheet(["m": 1_000_000]))
            let all = try #require(all)
            try await make(database, .none.setting(all, to: BasisPoints(-9_900)))
            await #expect(throws: PriceBookError.self) {
                try await plans.set("gold", all, to: BasisPoints(90_000))
            }
            _ = try await plans.set("gold", all, to: BasisPoints(90_000), isForced: true)
        }
    }

    @Test func `an account has a plan of its own currency or none`() async throws {
        try await withBillingDatabase { database in
            let accounts = Accounts(database)
            let now = Instant(microseconds: 1_800_000_000_000_000)
            try await make(database, .none)
            var creation = Accounts.Creation(slug: "acme")
            creation.plan = "gold"
            #expect(try await accounts.create(creation, at: now).plan == "gold")
            let directory = try await Directory(database).snapshot()
            #expect(directory.accounts.values.map(\.plan) == ["gold"])
            #expect(try await accounts.setPlan(nil, of: "acme").plan == nil)
            let refreshed = try await Directory(database).refreshed(directory)
            #expect(refreshed.accounts.values.map(\.plan) == [nil])

            creation.slug = "euro"
            creation.currency = try #require(Currency("EUR"))
            await #expect(throws: LedgerError.self) { try await accounts.create(creation, at: now) }
            await #expect(throws: LedgerError.self) {
                try await accounts.setPlan("silver", of: "acme")
            }
            #expect(try await PlanBook(database).list().map(\.accountCount) == [0])
        }
    }

    @Test(arguments: [
        "UPDATE plan_revisions SET basis_points = '{1}'", "DELETE FROM plan_revisions",
        "UPDATE plans SET currency = 'EUR'", "TRUNCATE plan_revisions CASCADE",
        "UPDATE accounts SET plan = 'gold' WHERE slug = 'euro'",
    ])
    func `a plan's terms and currency cannot be changed by the service`(
        statement: String
    ) async throws {
        try await withBillingDatabase { database in
            var creation = Accounts.Creation(slug: "euro")
            creation.currency = try #require(Currency("EUR"))
            let now = Instant(microseconds: 1_800_000_000_000_000)
            _ = try await Accounts(database).create(creation, at: now)
            try await make(database, .none)
            await #expect(throws: PostgresError.self) {
                try await database.read { _ = try $0.execute("\(unescaped: statement)") }
            }
        }
    }
}
