import Ledger
import Postgres
import Schema
import Testing

@testable import Billing

@Suite struct FinalizedAlertTests {
    @Test func `each document is told once, with its number, and a draft never`() async throws {
        try await MonthStage.run(at: "2025-01-10T12:00:00Z") { stage in
            let account = try await stage.account(limit: "100")
            try await stage.charge(Pico(5_000_000_000_000), account)
            try await stage.advance(to: "2025-02-02T00:00:00Z")
            _ = try await stage.invoices.draft("acme", Month("2025-01"), at: stage.now)
            #expect(try await messages(stage) == [])
            let invoice = try #require(try await stage.close("2025-01").first)
            _ = try await stage.close("2025-01")
            let note = try await stage.credit(try #require(invoice.number))
            let bodies = try await bodies(stage)
            #expect(try await messages(stage).map(\.account) == ["acme", "acme"])
            #expect(bodies.count == 2)
            for (body, document) in zip(bodies, [invoice, note.document]) {
                #expect(body.contains(#""number": "\#(try #require(document.number))""#))
                #expect(body.contains(#""kind": "\#(document.kind.rawValue)""#))
            }
            #expect(bodies[0].contains(#""month": "2025-01""#))
            #expect(bodies[0].contains(#""due": "5.00", "due_date": "2025-02-16""#))
        }
    }

    @Test func `a close that fails behind its document tells nothing`() async throws {
        try await MonthStage.run(at: "2025-01-10T12:00:00Z") { stage in
            let account = try await stage.account(limit: "100")
            try await stage.charge(Pico(5_000_000_000_000), account)
            try await stage.advance(to: "2025-02-02T00:00:00Z")
            await #expect(throws: PretendedFailure.self) {
                try await stage.database.transaction(.readCommitted) { [now = stage.now] session in
                    let outcome = try CloseMonth(
                        session: session,
                        prices: PriceMemory(),
                        months: MonthMemory(),
                        now: now
                    ).run(
                        "acme",
                        through: try #require(Month("2025-01")),
                        events: (.make(at: now), .make(at: now))
                    )
                    guard case .closed = outcome else { return }
                    throw PretendedFailure()
                }
            }
            #expect(try await messages(stage) == [])
        }
    }

    private struct PretendedFailure: Error {}

    private func messages(_ stage: MonthStage) async throws -> [WebhookMessage] {
        try await WebhookMessages(stage.database).list()
            .filter { $0.kind == AlertKind.invoiceFinalized.rawValue }
    }

    private func bodies(_ stage: MonthStage) async throws -> [String] {
        try await stage.database.read { session in
            try session.execute(
                """
                SELECT body FROM webhook_messages WHERE kind = 'invoice.finalized'
                ORDER BY body::jsonb #>> '{data,kind}' DESC
                """
            ).map { try $0.get("body", as: String.self) }
        }
    }
}
