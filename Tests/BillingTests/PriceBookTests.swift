import Postgres
import Schema
import TestSupport
import Testing

@testable import Billing

@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct PriceBookTests {
    private func sheet(
        _ models: [String: Int128],
        _ source: PriceSource = .farebox,
        _ currency: Currency = .usd
    ) -> PriceSheet {
        var sheet = PriceSheet(source: source, currency: currency)
        for (model, price) in models {
            var prices = ModelPrices()
            prices.tokenPrices = [
                PriceKey(.input): Pico(price), PriceKey(.output): Pico(9 * price),
            ]
            sheet.models[model] = prices
        }
        return sheet
    }

    @Test func `a published version is read back whole`() async throws {
        try await withBillingDatabase { database in
            let book = PriceBook(database)
            var published = try BillingFixtures.communityExcerpt().sheet
            let publication = try await book.publish(published)
            #expect(publication.outcome == .published)
            #expect(publication.header.version == PriceVersion(1))
            let edition = try #require(try await book.edition(PriceVersion(1)))
            #expect(edition.header == publication.header)
            #expect(edition.modelCount == published.models.count)
            for terms in edition.allTerms {
                let prices = published.models.removeValue(forKey: terms.model)
                #expect(
                    terms
                        == prices?.terms(
                            version: PriceVersion(1),
                            model: terms.model,
                            currency: .usd
                        )
                )
            }
            #expect(published.models.isEmpty)
            #expect(try await book.edition(PriceVersion(2)) == nil)
        }
    }

    @Test func `two versions are compared in either direction, whatever lies between them`()
        async throws
    {
        try await withBillingDatabase { database in
            let book = PriceBook(database)
            let first = try await book.publish(sheet(["m": 1, "gone": 5])).header
            _ = try await book.publish(sheet(["m": 2]))
            let third = try await book.publish(sheet(["m": 3, "come": 5])).header
            let comparison = try await book.compare(first.version, third.version)
            #expect(comparison.diff.added == ["come"] && comparison.diff.removed == ["gone"])
            #expect(comparison.diff.changes.map(\.after) == [Pico(3), Pico(27)])
            let back = try await book.compare(third.version, first.version)
            #expect(back.diff.added == ["gone"])
            #expect(back.diff.changes.map(\.after) == [Pico(1), Pico(9)])
            #expect(try await book.predecessor(of: third)?.version == PriceVersion(2))
            #expect(try await book.predecessor(of: first) == nil)
            let currency = try #require(Currency("EUR"))
            let euro = try await book.publish(sheet(["m": 1], .farebox, currency)).header
            await #expect(throws: PriceBookError.self) {
                try await book.compare(first.version, euro.version)
            }
            await #expect(throws: PriceBookError.self) {
                try await book.compare(first.version, PriceVersion(99))
            }
        }
    }

    @Test func `the first version of a currency takes effect at once, later ones after notice`()
        async throws
    {
        try await withBillingDatabase { database in
            let book = PriceBook(database)
            let first = try await book.publish(sheet(["m": 1])).header
            #expect(first.effectiveAt == first.publishedAt)
            let second = try await book.publish(sheet(["m": 2])).header
            #expect(second.effectiveAt == second.publishedAt.adding(seconds: 60))
            let other = try await book.publish(sheet(["m": 3], .litellm)).header
            #expect(other.effectiveAt == other.publishedAt.adding(seconds: 60))
            let euro = try #require(Currency("EUR"))
            let third = try await book.publish(sheet(["m": 2], .farebox, euro)).header
            #expect(third.effectiveAt == third.publishedAt)

            let error = await #expect(throws: PriceBookError.self) {
                try await book.publish(sheet(["m": 4]), effectiveAt: second.publishedAt)
            }
            guard case .effectiveTooSoon(let earliest) = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(earliest > second.effectiveAt)
            let later = earliest.adding(seconds: 3_600)
            let fourth = try await book.publish(sheet(["m": 4]), effectiveAt: later).header
            #expect(fourth.effectiveAt == later)
        }
    }

    @Test func `the same content twice is one version, and going back is a new one`() async throws {
        try await withBillingDatabase { database in
            let book = PriceBook(database)
            let first = try await book.publish(sheet(["m": 1]))
            let again = try await book.publish(sheet(["m": 1]))
            #expect(again.outcome == .unchanged)
            #expect(again.header == first.header)
            #expect(again.diff.isEmpty)
            _ = try await book.publish(sheet(["m": 2]))
            let back = try await book.publish(sheet(["m": 1]))
            #expect(back.outcome == .published)
            #expect(try await book.list().map(\.version.number) == [1, 2, 3])
        }
    }

    @Test func `concurrent publications are numbered without a gap, and equal ones are one`()
        async throws
    {
        try await withBillingDatabase(connections: 8) { database in
            let book = PriceBook(database)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<16 {
                    let models: [String: Int128] = ["m": 100 + Int128(index % 4)]
                    let sheet = sheet(models, index < 8 ? .farebox : .litellm)
                    group.addTask { _ = try await book.publish(sheet) }
                }
                try await group.waitForAll()
            }
            let headers = try await book.list()
            #expect(headers.map(\.version.number) == Array(1...Int64(headers.count)))
            for source in PriceSource.list {
                let line = headers.filter { $0.source == source }
                #expect(line.count >= 4)
                #expect(zip(line, line.dropFirst()).allSatisfy { $0.sha256 != $1.sha256 })
            }
        }
    }

    @Test func `a price that moves a thousandfold is refused until it is forced`() async throws {
        try await withBillingDatabase { database in
            let book = PriceBook(database)
            _ = try await book.publish(sheet(["m": 2_000, "n": 2], .litellm))
            let slip = sheet(["m": 2_000_000], .farebox)
            #expect(try await book.preview(slip).jumps.map(\.model) == ["m", "m"])
            let error = await #expect(throws: PriceBookError.self) { try await book.publish(slip) }
            guard case .jumps(let changes) = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(changes.allSatisfy { $0.isJump })
            #expect(try await book.list().count == 1)
            _ = try await book.publish(slip, isForced: true)
            #expect(try await book.list().count == 2)
        }
    }

    @Test func `a version that another one would take over from is refused until it is forced`()
        async throws
    {
        try await withBillingDatabase { database in
            let book = PriceBook(database)
            let first = try await book.publish(sheet(["m": 1])).header
            let scheduled = first.effectiveAt.adding(seconds: 86_400)
            let second = try await book.publish(sheet(["m": 2]), effectiveAt: scheduled).header
            let error = await #expect(throws: PriceBookError.self) {
                try await book.publish(sheet(["m": 3]))
            }
            guard case .overlaps(second) = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            // What is in force until then is no news, as a configured file that is read again.
            #expect(try await book.publish(sheet(["m": 1])).outcome == .unchanged)
            #expect(try await book.list().count == 2)
            // Another source's versions are no hindrance, and force is taken at its word.
            _ = try await book.publish(sheet(["m": 3], .litellm))
            _ = try await book.publish(sheet(["m": 3]), isForced: true)
            let snapshot = try await book.load()
            let terms = { (instant: Instant) in
                snapshot.terms(model: "m", currency: .usd, at: instant)?.version.number
            }
            #expect(terms(scheduled.adding(seconds: -1)) == 4)
            #expect(terms(scheduled) == 2)
        }
    }

    @Test func `prices of any instant can be looked up`() async throws {
        try await withBillingDatabase { database in
            let book = PriceBook(database)
            let longAgo = Instant(microseconds: 1_000_000_000_000_000)
            _ = try await book.publish(sheet(["m": 1]), effectiveAt: longAgo)
            let now = try await book.publish(sheet(["m": 2])).header.effectiveAt
            for (instant, version) in [(longAgo, 1), (now.adding(seconds: -1), 1), (now, 2)] {
                let terms = try await book.load(at: instant)
                    .terms(model: "m", currency: .usd, at: instant)
                #expect(terms?.version.number == Int64(version))
            }
            #expect(try await book.load(at: longAgo.adding(seconds: -1)).editions.isEmpty)
        }
    }

    @Test func `a preview publishes nothing and says what would change`() async throws {
        try await withBillingDatabase { database in
            let book = PriceBook(database)
            _ = try await book.publish(sheet(["m": 1, "gone": 1]))
            // The first version is in force by the time the second would be.
            let preview = try await book.preview(sheet(["m": 2, "came": 1]))
            #expect(preview.header.version == PriceVersion(2))
            #expect(preview.diff.added == ["came"])
            #expect(preview.diff.removed == ["gone"])
            #expect(preview.diff.changes.count == 2)
            #expect(try await book.list().count == 1)
        }
    }

    @Test func `an incomplete sheet never reaches the database`() async throws {
        try await withBillingDatabase { database in
            let book = PriceBook(database)
            var incomplete = sheet(["m": 1])
            incomplete.models["m"]?.tokenPrices[PriceKey(.output)] = nil
            await #expect(throws: PriceBookError.self) { try await book.publish(incomplete) }
            var pattern = sheet(["m": 1])
            pattern.models["a*b"] = pattern.models["m"]
            await #expect(throws: PriceBookError.self) { try await book.publish(pattern) }
            let headers = try await book.list()
            #expect(headers.isEmpty)
        }
    }

    @Test(arguments: [
        "UPDATE prices SET pico_per_token = 0", "DELETE FROM prices",
        "UPDATE price_versions SET effective_at = now()", "DELETE FROM price_versions",
        "DELETE FROM price_models", "DELETE FROM price_fees", "TRUNCATE prices",
        "INSERT INTO price_fees VALUES (1, 'gpt-4o', 'request', 0)",
    ])
    func `what is published cannot be changed by the service`(statement: String) async throws {
        try await withBillingDatabase { database in
            _ = try await PriceBook(database).publish(BillingFixtures.communityExcerpt().sheet)
            await #expect(throws: PostgresError.self) {
                try await database.read { _ = try $0.execute("\(unescaped: statement)") }
            }
        }
    }

    @Test func `a snapshot holds what is in force and what is to come, and reads only news`()
        async throws
    {
        try await withBillingDatabase { database in
            let book = PriceBook(database)
            let first = try await book.publish(sheet(["m": 1])).header
            let before = try await book.load()
            let second = try await book.publish(sheet(["m": 2])).header
            let after = try await book.load(reusing: before)
            #expect(after.editions.map(\.header) == [first, second])
            let held = try #require(before.editions.first)
            #expect(after.editions.first === held)
            let terms = { (instant: Instant) in
                after.terms(model: "m", currency: .usd, at: instant)?.version.number
            }
            #expect(terms(second.effectiveAt.adding(seconds: -1)) == 1)
            #expect(terms(second.effectiveAt) == 2)
        }
    }

    @Test func `a snapshot leaves out what was superseded long ago`() async throws {
        try await withBillingDatabase { database in
            let book = PriceBook(database)
            let longAgo = Instant(microseconds: 1_000_000_000_000_000)
            let euro = try #require(Currency("EUR"))
            _ = try await book.publish(sheet(["m": 1]), effectiveAt: longAgo)
            _ = try await book.publish(sheet(["m": 1], .farebox, euro), effectiveAt: longAgo)
            // Only a first version may be dated back, so a second old one is written by hand.
            try await database.read { session in
                _ = try session.execute(
                    """
                    INSERT INTO price_versions (price_version, source, sha256, currency,
                        effective_at, published_at)
                    SELECT 3, source, sha256, currency, effective_at + interval '1 day',
                        published_at
                    FROM price_versions WHERE price_version = 1
                    """
                )
            }
            #expect(try await book.load().editions.map(\.header.version.number) == [2, 3])
        }
    }
}
