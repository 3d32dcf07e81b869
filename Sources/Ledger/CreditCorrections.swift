import Postgres
import Schema

/// Corrections of a balance, and its limit.
extension Credits {
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
        return try await post(change)
    }

    /// Sets how far below zero the balance may go.
    ///
    /// Lowering it below what is used makes the account overdrawn.
    package func setLimit(
        _ account: String,
        to limit: Pico,
        at instant: Instant,
        idempotencyKey: String? = nil
    ) async throws(LedgerError) -> AccountSummary {
        guard (Pico.zero ... .balanceMax).contains(limit) else {
            throw LedgerError(.invalid, "the credit limit is out of bounds")
        }
        let change = BalanceChange(
            body: .creditLimitSet(CreditLimitSet(limit: limit)),
            isForced: true,
            slug: account,
            instant: instant,
            command: IdempotentCommand(
                "credit limit",
                key: idempotencyKey,
                content: [limit.description]
            )
        )
        return try await post(change)
    }

    private func post(_ change: BalanceChange) async throws(LedgerError) -> AccountSummary {
        let account = try await database.ledgerCommand { session in try change.append(session) }
        await database.recallLeases(of: account.id)
        return account
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
        let act = try HeadAct(account.id, session)
        _ = try AppendTransaction(session).runOne(event)
        try act.record()
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
