import Postgres
import Schema

/// Moves credit by hand: grants, corrections, limits.
///
/// Each is an event of the account's stream.
package struct Credits: Sendable {
    private let database: Database

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
        package var expiresAt: Instant?
        /// An outside reference such as a payment's: a second grant of it is the first one.
        package var reference: String?

        package init(account: String, amount: Pico) {
            self.account = account
            self.amount = amount
        }

        fileprivate var content: [String?] {
            [
                amount.description, kind.rawValue, String(priority), expiresAt?.description,
                reference,
            ]
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
        guard grant.amount > .zero, grant.amount <= .balanceMax else {
            throw LedgerError(.invalid, "the amount must be above zero and at most 10 trillion")
        }
        if let reference = grant.reference {
            guard (1...200).contains(reference.unicodeScalars.count) else {
                throw LedgerError(.invalid, "a reference has 1 to 200 characters")
            }
        }
        let command = IdempotentCommand(
            "credit grant",
            key: idempotencyKey,
            content: grant.content
        )
        let id = GrantID.make(at: instant)
        let eventID = EventID.make(at: instant)
        return try await database.ledgerCommand { session in
            let account = try AccountSummary.lock(slug: grant.account, session)
            if let known = try command.recorded(for: account.id, session) {
                return try GrantSummary.read(GrantID(postgresValue: known), of: account, session)
            }
            if let known = try existing(grant, id, account, session) {
                try command.record(UUIDBytes(known.id), for: account.id, session)
                return known
            }
            let body = CreditGranted(
                grant: id,
                kind: grant.kind,
                amount: grant.amount,
                reference: grant.reference
            )
            _ = try AppendTransaction(session).runOne(
                Event(
                    account: account.id,
                    id: eventID,
                    occurredAt: instant,
                    body: .creditGranted(body)
                )
            )
            _ = try session.execute(
                """
                INSERT INTO grants (account_id, grant_id, event_id, kind, amount, priority,
                    expires_at, reference)
                VALUES (\(account.id), \(id), \(eventID), \(grant.kind), \(grant.amount),
                    \(grant.priority), \(grant.expiresAt), \(grant.reference))
                """
            )
            try command.record(UUIDBytes(id), for: account.id, session)
            return try GrantSummary.read(id, of: account, session)
        }
    }

    /// The grant of an attempt whose answer was lost, or of the same reference.
    private func existing(
        _ grant: Grant,
        _ id: GrantID,
        _ account: AccountSummary,
        _ session: Session
    ) throws -> GrantSummary? {
        let rows = try session.execute(
            """
            SELECT grant_id FROM grants WHERE account_id = \(account.id)
                AND (grant_id = \(id) OR reference = \(grant.reference))
            """
        )
        guard let row = rows.first else { return nil }
        let found = try GrantSummary.read(row.get("grant_id"), of: account, session)
        guard found.amount == grant.amount, found.kind == grant.kind,
            found.priority == grant.priority, found.expiresAt == grant.expiresAt
        else {
            throw LedgerError(.conflict, "the reference came before with other content")
        }
        return found
    }

    /// The grants of an account in the order in which they burn.
    package func list(_ account: String) async throws(LedgerError) -> [GrantSummary] {
        try await database.ledgerRead { session in
            let account = try AccountSummary.read(slug: account, session)
            return try GrantSummary.readAll(of: account, session)
        }
    }

    /// What is corrected, and why.
    package struct Adjustment: Hashable, Sendable {
        package var account: String
        /// Signed and not zero.
        package var amount: Pico
        package var reason: String
        /// Whether it may take what is held.
        package var isForced = false

        package init(account: String, amount: Pico, reason: String) {
            self.account = account
            self.amount = amount
            self.reason = reason
        }
    }

    /// Corrects the balance up or down, with a reason.
    ///
    /// A correction never takes what is held, unless it is forced: then what it takes beyond
    /// balance and limit makes the account overdrawn, and nothing is admitted until that is paid.
    ///
    /// - Throws: `.refused` with the figures.
    package func adjust(
        _ adjustment: Adjustment,
        at instant: Instant,
        idempotencyKey: String? = nil
    ) async throws(LedgerError) -> AccountSummary {
        let (amount, reason) = (adjustment.amount, adjustment.reason)
        guard !reason.isEmpty, reason.utf8.count <= 1_000 else {
            throw LedgerError(.invalid, "a correction needs a reason of at most 1000 bytes")
        }
        let command = IdempotentCommand(
            "credit adjust",
            key: idempotencyKey,
            content: [amount.description, reason, adjustment.isForced ? "forced" : nil]
        )
        let change = BalanceChange(
            body: .creditAdjusted(CreditAdjusted(amount: amount, reason: reason)),
            isForced: adjustment.isForced,
            slug: adjustment.account,
            instant: instant,
            command: command
        )
        return try await database.ledgerCommand { session in try change.append(session) }
    }

    /// Sets how far below zero the balance may go.
    ///
    /// Lowering it below what is used makes the account overdrawn.
    package func setLimit(
        _ account: String,
        to limit: Pico,
        at instant: Instant
    ) async throws(LedgerError) -> AccountSummary {
        let change = BalanceChange(
            body: .creditLimitSet(CreditLimitSet(limit: limit)),
            isForced: true,
            slug: account,
            instant: instant,
            command: IdempotentCommand("credit limit", key: nil, content: [limit.description])
        )
        return try await database.ledgerCommand { session in try change.append(session) }
    }
}

/// A change of the balance or its limit by hand.
///
/// Its transaction is a plain function of a session, so that an attempt can be repeated as it was.
private struct BalanceChange: Sendable {
    let body: EventBody
    let isForced: Bool
    let slug: String
    let instant: Instant
    let command: IdempotentCommand
    /// Minted once, so that an attempt whose answer was lost is recognised.
    let id: EventID

    init(
        body: EventBody,
        isForced: Bool,
        slug: String,
        instant: Instant,
        command: IdempotentCommand
    ) {
        self.body = body
        self.isForced = isForced
        self.slug = slug
        self.instant = instant
        self.command = command
        id = EventID.make(at: instant)
    }

    func append(_ session: Session) throws -> AccountSummary {
        let account = try AccountSummary.lock(slug: slug, session)
        if try command.recorded(for: account.id, session) != nil { return account }
        let known = try session.execute(
            "SELECT FROM events WHERE account_id = \(account.id) AND event_id = \(id)"
        )
        // The event of an attempt whose answer was lost: it was covered then.
        if !known.isEmpty { return account }
        if !isForced { try requireCover(for: body, account) }
        let event = Event(account: account.id, id: id, occurredAt: instant, body: body)
        _ = try AppendTransaction(session).runOne(event)
        try command.record(UUIDBytes(id), for: account.id, session)
        return try AccountSummary.read(slug: slug, session)
    }
}

/// Throws when the correction would take what is held.
private func requireCover(for body: EventBody, _ account: AccountSummary) throws(LedgerError) {
    guard case .creditAdjusted(let adjustment) = body, adjustment.amount < .zero else { return }
    let head = account.head
    let rest = head.balance + head.creditLimit + adjustment.amount
    guard rest < head.escrowed + head.reserved else { return }
    let currency = account.currency
    throw LedgerError(
        .refused,
        "cannot take \(currency.text(-adjustment.amount)): the balance is "
            + "\(currency.text(head.balance)), the credit limit "
            + "\(currency.text(head.creditLimit)), and \(currency.text(account.held)) is held by "
            + "running calls and leases"
    )
}
