import Postgres
import Schema

/// The end of a grant by hand: void and chargeback.
extension Credits {
    /// Takes back what is unburned of a grant; a second void is the first one.
    ///
    /// What is free goes at once. What running calls may need is kept for them, and goes when they
    /// have ended. A grant that has not begun never does.
    ///
    /// - Throws: `.notFound`; `.refused` when nothing is left of it.
    package func void(
        _ grant: GrantID,
        at instant: Instant,
        idempotencyKey: String? = nil
    ) async throws(LedgerError) -> GrantSummary {
        let command = IdempotentCommand(
            "credit void",
            key: idempotencyKey,
            content: [grant.description]
        )
        let slug = try await slug(ofGrant: grant)
        try await catchUp(slug)
        let voided = try await database.ledgerCommand { session in
            var account = try AccountSummary.lock(slug: slug, session)
            if try command.recorded(for: account.id, session) == nil {
                let before = try GrantSummary.read(grant, of: account, session)
                try void(before, account.id, at: instant, session)
                try command.record(UUIDBytes(grant), for: account.id, session)
                account = try AccountSummary.read(slug: slug, session)
            }
            return (
                account: account.id, grant: try GrantSummary.read(grant, of: account, session)
            )
        }
        await database.recallLeases(of: voided.account)
        return voided.grant
    }

    private func void(
        _ grant: GrantSummary,
        _ account: AccountID,
        at instant: Instant,
        _ session: Session
    ) throws {
        let row = try GrantRow.read(of: account, where: "grant_id = \(grant.id)", session)
        if row.first?.voidedAt != nil { return }
        let isScheduled = grant.status == .scheduled
        guard isScheduled || grant.remaining > .zero else {
            throw LedgerError(.refused, "nothing is left of the grant \(grant.id)")
        }
        _ = try session.execute(
            """
            UPDATE grants SET voided_at = \(instant), closed_at = \(isScheduled ? instant : nil)
            WHERE account_id = \(account) AND grant_id = \(grant.id)
            """
        )
        try AccountCredit(session, account, at: instant).settleDue(newlyVoided: grant.id)
    }

    /// A payment that whoever made it takes back.
    package struct Chargeback: Hashable, Sendable {
        package var account: String
        /// The grant's id, or the reference it was granted for.
        package var payment: String
        package var reason: String

        package init(account: String, payment: String, reason: String) {
            self.account = account
            self.payment = payment
            self.reason = reason
        }
    }

    /// Takes back the whole of a paid grant, burned or not; a second chargeback is the first one.
    ///
    /// It always posts. What it takes beyond balance and limit makes the account overdrawn, and
    /// nothing is admitted until later money has paid that.
    ///
    /// - Throws: `.notFound`; `.refused` for a grant that nobody paid for or that took no effect;
    ///   `.conflict` when it came before with another reason.
    package func chargeBack(
        _ chargeback: Chargeback,
        at instant: Instant,
        idempotencyKey: String? = nil
    ) async throws(LedgerError) -> AccountSummary {
        guard !chargeback.reason.isEmpty, chargeback.reason.utf8.count <= 1_000 else {
            throw LedgerError(.invalid, "a chargeback needs a reason of at most 1000 bytes")
        }
        let command = IdempotentCommand(
            "credit chargeback",
            key: idempotencyKey,
            content: [chargeback.payment, chargeback.reason]
        )
        try await catchUp(chargeback.account)
        let account = try await database.ledgerCommand { session in
            let account = try AccountSummary.lock(slug: chargeback.account, session)
            if try command.recorded(for: account.id, session) != nil { return account }
            let grant = try paidGrant(chargeback, of: account.id, session)
            if grant.chargedBackAt == nil {
                try post(chargeback, of: grant, account, at: instant, session)
            } else {
                try requireSame(chargeback, grant, account.id, session)
            }
            try command.record(UUIDBytes(grant.id), for: account.id, session)
            return try AccountSummary.read(slug: chargeback.account, session)
        }
        await database.recallLeases(of: account.id)
        return account
    }

    private func paidGrant(
        _ chargeback: Chargeback,
        of account: AccountID,
        _ session: Session
    ) throws -> GrantRow {
        let named = GrantID(chargeback.payment)
        let found = try GrantRow.read(
            of: account,
            where: "(grant_id = \(named) OR reference = \(chargeback.payment))",
            session
        )
        guard let grant = found.first else {
            throw LedgerError(.notFound, "no grant or payment \(chargeback.payment)")
        }
        guard grant.kind == .paid, grant.postedAt != nil else {
            throw LedgerError(.refused, "the grant \(grant.id) was not paid into the balance")
        }
        return grant
    }

    private func post(
        _ chargeback: Chargeback,
        of grant: GrantRow,
        _ account: AccountSummary,
        at instant: Instant,
        _ session: Session
    ) throws {
        let taken = try PaymentReversal(session: session, account: account, instant: instant)
            .run(nil, of: grant, reason: chargeback.reason)
        guard taken > .zero else {
            throw LedgerError(.refused, "the grant \(grant.id) was taken back already")
        }
    }

    private func requireSame(
        _ chargeback: Chargeback,
        _ grant: GrantRow,
        _ account: AccountID,
        _ session: Session
    ) throws {
        let known = try session.execute(
            """
            SELECT FROM events WHERE account_id = \(account) AND kind = 'credit_charged_back'
                AND data->>'grant' = \(grant.id.description)
                AND data->>'reason' = \(chargeback.reason)
            """
        )
        guard !known.isEmpty else {
            throw LedgerError(.conflict, "the chargeback came before with another reason")
        }
    }

    private func slug(ofGrant grant: GrantID) async throws(LedgerError) -> String {
        let slugs = try await database.ledgerRead { session in
            try session.execute(
                """
                SELECT slug FROM grants JOIN accounts USING (account_id)
                WHERE grant_id = \(grant)
                """
            ).map { try $0.get("slug", as: String.self) }
        }
        guard let slug = slugs.first else { throw LedgerError(.notFound, "no grant \(grant)") }
        return slug
    }
}
