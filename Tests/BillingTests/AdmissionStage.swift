import Ledger
import Postgres
import Schema
import Testing

@testable import Billing

/// An account with credit, published prices, and an escrow that works against PostgreSQL.
struct AdmissionStage: Sendable {
    let database: Database
    let desk: AdmissionDesk
    let escrow: Escrow
    let account: AccountID
    let now: Instant

    /// Calls of model `m` cost 10 pico a token of prompt and 100 a token of answer; `free` nothing.
    static func with(
        credit: Pico,
        _ body: (AdmissionStage) async throws -> Void
    ) async throws {
        try await withBillingDatabase(connections: 4) { database in
            let now = Instant(microseconds: 1_900_000_000_000_000)
            let account = try await openAccount(database, credit: credit)
            let escrow = Escrow()
            let desk = AdmissionDesk(escrow: escrow, prices: try await prices(database))
            let service = EscrowService(
                escrow: escrow,
                authority: PostgresLeaseAuthority(database),
                instance: InstanceID.make(at: now),
                label: "test",
                nonces: FirstRegistration(),
                reoffer: { 0 }
            ) { _ in }
            _ = try await service.start()
            let running = Task { await service.run() }
            let stage = AdmissionStage(
                database: database,
                desk: desk,
                escrow: escrow,
                account: account,
                now: now
            )
            let result: Result<Void, any Error>
            do { result = .success(try await body(stage)) } catch { result = .failure(error) }
            await service.stop(by: .now + .milliseconds(100))
            await running.value
            try result.get()
        }
    }

    private static func openAccount(_ database: Database, credit: Pico) async throws -> AccountID {
        let now = Instant(microseconds: 1_700_000_000_000_000)
        let account = AccountID.make(at: now)
        try await database.transaction { session in
            _ = try session.execute(
                """
                INSERT INTO accounts (account_id, slug, name, currency, time_zone)
                VALUES (\(UUIDBytes(high: account.high, low: account.low)), 'acme', 'Acme', 'USD',
                    'UTC')
                """
            )
            _ = try session.execute(
                """
                INSERT INTO account_heads (account_id)
                VALUES (\(UUIDBytes(high: account.high, low: account.low)))
                """
            )
        }
        guard credit > .zero else { return account }
        let grant = CreditGranted(
            grant: GrantID.make(at: now),
            kind: .paid,
            amount: credit,
            reference: nil
        )
        let event = Event(
            account: account,
            id: EventID.make(at: now),
            occurredAt: now,
            body: .creditGranted(grant)
        )
        _ = try await EventStore(database).append([event])
        return account
    }

    private static func prices(_ database: Database) async throws -> PriceSnapshot {
        var sheet = PriceSheet(source: .farebox, currency: .usd)
        var prices = ModelPrices()
        prices.tokenPrices = [PriceKey(.input): Pico(10), PriceKey(.output): Pico(100)]
        sheet.models["unlimited"] = prices
        prices.outputTokensMax = 1_000
        sheet.models["m"] = prices
        prices.tokenPrices = [PriceKey(.input): .zero, PriceKey(.output): .zero]
        sheet.models["free"] = prices
        let book = PriceBook(database)
        _ = try await book.publish(sheet)
        return try await book.load()
    }

    /// A call of 10 tokens of prompt at most: 100 pico, and 100 for each token of the cap.
    func request(
        _ model: String = "m",
        asked: Int64? = nil,
        shortCredit: ShortCredit = .clamp,
        waitMax: Duration = .seconds(20)
    ) -> AdmissionRequest {
        AdmissionRequest(
            account: account,
            currency: .usd,
            model: model,
            bounds: QuoteRequest(inputTokensBound: 10, outputTokensAsked: asked),
            shortCredit: shortCredit,
            waitMax: waitMax
        )
    }

    func balance() async throws -> Pico {
        let account = account
        return try await database.read { session in
            let row = try session.execute(
                """
                SELECT balance FROM account_heads
                WHERE account_id = \(UUIDBytes(high: account.high, low: account.low))
                """
            ).single()
            return Pico(try row.get("balance", as: Int128.self))
        }
    }

    /// Appends the call's usage event, as a shipper does.
    func append(_ admission: Admission, _ charge: Charge) async throws {
        var usage = Usage(
            request: RequestID.make(at: now),
            lease: admission.hold.lease,
            key: KeyID.make(at: now),
            project: ProjectID.make(at: now),
            admittedAt: now,
            model: "m",
            upstream: "u",
            upstreamModel: "m",
            endpoint: .chatCompletions,
            isStreamed: false,
            priceVersion: admission.terms.version,
            hold: admission.hold.amount
        )
        usage.apply(charge)
        usage.outcome = .completed
        usage.source = .upstreamFinal
        usage.status = 200
        let event = Event(
            account: account,
            id: EventID.make(at: now),
            occurredAt: Instant(microseconds: 1_700_000_100_000_000),
            body: .usage(usage)
        )
        _ = try await EventStore(database).append([event])
    }
}

/// The nonces of an instance that starts once and never again.
private struct FirstRegistration: EscrowNonces {
    func begin(_ fresh: Nonce) async throws(LedgerError) -> KnownRegistrations {
        KnownRegistrations(epoch: 0, nonces: [nil])
    }
    func confirm(_ fresh: Nonce, epoch: Int64) async throws(LedgerError) {}
}
