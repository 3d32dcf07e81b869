import Postgres
import Schema

/// Moves credit by hand: grants and their end, corrections, limits.
///
/// Each is an event of the account's stream, and safe to repeat.
package struct Credits: Sendable {
    let database: Database

    package init(_ database: Database) {
        self.database = database
    }

    /// What is granted.
    package struct Grant: Hashable, Sendable {
        package var account: String
        /// Above zero.
        package var amount: Pico
        package var kind = CreditGranted.Kind.paid
        /// Lower burns first.
        package var priority: Int32 = 0
        /// When it comes into the balance; nil is at once.
        package var startsAt: Instant?
        /// From when on no call is admitted on it; nil is never.
        package var expiresAt: Instant?
        /// An outside reference such as a payment's: a second grant of it is the first one.
        package var reference: String?

        package init(account: String, amount: Pico) {
            self.account = account
            self.amount = amount
        }

        fileprivate var content: [String?] {
            let terms = [
                amount.description, kind.rawValue, String(priority), expiresAt?.description,
                reference,
            ]
            return startsAt.map { terms + [$0.description] } ?? terms
        }

        fileprivate func validate() throws(LedgerError) {
            guard amount > .zero, amount <= .balanceMax else {
                throw LedgerError(.invalid, "the amount must be above zero and at most 10 trillion")
            }
            if let reference, !(1...200).contains(reference.unicodeScalars.count) {
                throw LedgerError(.invalid, "a reference has 1 to 200 characters")
            }
        }

        /// A repeat may come after the end; a new grant may not.
        fileprivate func requireFuture(at instant: Instant) throws(LedgerError) {
            if let expiresAt, expiresAt <= max(startsAt ?? instant, instant) {
                throw LedgerError(.invalid, "the grant would end before it begins")
            }
        }
    }

    /// Grants credit once for each idempotency key and for each reference.
    ///
    /// - Throws: `.conflict` when either came before with other content; `.invalid`, `.notFound`.
    package func grant(
        _ grant: Grant,
        at instant: Instant,
        idempotencyKey: String? = nil
    ) async throws(LedgerError) -> GrantSummary {
        try grant.validate()
        let command = IdempotentCommand(
            "credit grant",
            key: idempotencyKey,
            content: grant.content
        )
        let id = GrantID.make(at: instant)
        let eventID = EventID.make(at: instant)
        try await catchUp(grant.account)
        return try await database.ledgerCommand { session in
            let account = try AccountSummary.lock(slug: grant.account, session)
            if let known = try command.recorded(for: account.id, session) {
                return try GrantSummary.read(GrantID(postgresValue: known), of: account, session)
            }
            if let known = try existing(grant, id, account, session) {
                try command.record(UUIDBytes(known.id), for: account.id, session)
                return known
            }
            try grant.requireFuture(at: instant)
            try Self.insert(grant, id, eventID, account, at: instant, session)
            try command.record(UUIDBytes(id), for: account.id, session)
            let changed = try AccountSummary.read(slug: grant.account, session)
            return try GrantSummary.read(id, of: changed, session)
        }
    }

    /// Records a grant, and posts it unless it begins later; the account's head must be locked.
    package static func insert(
        _ grant: Grant,
        _ id: GrantID,
        _ eventID: EventID,
        _ account: AccountSummary,
        at instant: Instant,
        _ session: Session
    ) throws {
        let isScheduled = grant.startsAt.map { $0 > instant } ?? false
        if !isScheduled {
            let body = CreditGranted(
                grant: id,
                kind: grant.kind,
                amount: grant.amount,
                reference: grant.reference,
                priority: grant.priority,
                expiresAt: grant.expiresAt
            )
            _ = try AppendTransaction(session).runOne(
                Event(
                    account: account.id,
                    id: eventID,
                    occurredAt: instant,
                    body: .creditGranted(body)
                )
            )
        }
        _ = try session.execute(
            """
            INSERT INTO grants (account_id, grant_id, event_id, kind, amount, priority,
                starts_at, expires_at, reference, created_at, posted_at)
            VALUES (\(account.id), \(id), \(eventID), \(grant.kind), \(grant.amount),
                \(grant.priority), \(grant.startsAt), \(grant.expiresAt), \(grant.reference),
                \(instant), \(isScheduled ? nil : instant))
            """
        )
    }

    /// The grant of an attempt whose answer was lost, or of the same reference.
    private func existing(
        _ grant: Grant,
        _ id: GrantID,
        _ account: AccountSummary,
        _ session: Session
    ) throws -> GrantSummary? {
        let found = try GrantRow.read(
            of: account.id,
            where: "(grant_id = \(id) OR reference = \(grant.reference))",
            session
        )
        guard let row = found.first else { return nil }
        guard row.amount == grant.amount, row.kind == grant.kind,
            row.priority == grant.priority, row.startsAt == grant.startsAt,
            row.expiresAt == grant.expiresAt
        else {
            throw LedgerError(.conflict, "the reference came before with other content")
        }
        return try GrantSummary.read(row.id, of: account, session)
    }

    /// The grants of an account and what is left of them, at one version of its stream.
    package func list(_ slug: String) async throws(LedgerError) -> GrantList {
        try await catchUp(slug)
        do {
            return try await database.transaction(.repeatableRead) { session in
                try GrantList.read(AccountSummary.read(slug: slug, session), session)
            }
        } catch {
            throw LedgerError(error)
        }
    }

    /// Folds most of a long stream before a command locks the head.
    func catchUp(_ slug: String) async throws(LedgerError) {
        let account = try await database.ledgerRead { session in
            try AccountSummary.read(slug: slug, session).id
        }
        try await database.catchUpBurnDown(of: account)
    }
}
