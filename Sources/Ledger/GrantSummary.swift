import Postgres
import Schema

/// A grant, what became of it, and what is left.
package struct GrantSummary: Hashable, Sendable {
    package enum Status: String, CaseIterable, Sendable {
        /// It begins later and is in no balance yet.
        case scheduled
        /// Calls are admitted on it.
        case live
        /// Its time is over; what is left is kept for calls that began before.
        case ending
        case spent
        case expired
        case voided
        case chargedBack = "charged_back"
        /// It was voided before it began.
        case cancelled
    }

    /// What put it into the balance.
    package enum Origin: String, CaseIterable, Sendable {
        case grant
        /// A correction upwards, which burns like a promotional grant.
        case correction
        /// What a payment or a credit note left over, which burns like a paid grant.
        case surplus
    }

    package let id: GrantID
    package let account: String
    package var origin = Origin.grant
    package let kind: CreditGranted.Kind
    package let status: Status
    package let amount: Pico
    /// What the balance still has of it.
    package let remaining: Pico
    /// What calls and corrections took of it.
    package let burned: Pico
    package let priority: Int32
    package let startsAt: Instant?
    package let expiresAt: Instant?
    package let reference: String?
    package let createdAt: Instant
}

/// The grants of an account at one version of its stream.
package struct GrantList: Hashable, Sendable {
    /// The account at that version.
    package let account: AccountSummary
    /// In the order in which they burn, those with nothing left last.
    ///
    /// What they have left, less what is unpaid, is the balance.
    package let grants: [GrantSummary]
    /// What usage and corrections took that no grant covered.
    package let unpaid: Pico

    /// Reads it all at the head's version: of one snapshot, or under the head's lock.
    static func read(_ account: AccountSummary, _ session: Session) throws -> GrantList {
        let burnDown = try BurnDownStore(session).read(account.id, at: account.version)
        let rows = try GrantRow.read(of: account.id, where: "true", session)
        var summaries = Dictionary(
            uniqueKeysWithValues: rows.map {
                ($0.id, GrantSummary($0, of: account, rest: burnDown.rest(of: $0.id)))
            }
        )
        let unlisted = burnDown.grants.filter { summaries[$0.id] == nil }
        for summary in try GrantSummary.readUnlisted(unlisted, of: account, session) {
            summaries[summary.id] = summary
        }
        let burning = burnDown.grants.compactMap { summaries.removeValue(forKey: $0.id) }
        let others = summaries.values.sorted { ($0.createdAt, $0.id) < ($1.createdAt, $1.id) }
        return GrantList(account: account, grants: burning + others, unpaid: burnDown.unpaid)
    }
}

extension GrantSummary {
    init(_ row: GrantRow, of account: AccountSummary, rest: Pico) {
        id = row.id
        self.account = account.slug
        kind = row.kind
        status = Self.status(row, rest: rest)
        amount = row.amount
        remaining = rest
        burned = row.postedAt == nil ? .zero : row.amount - rest - row.withdrawn
        priority = row.priority
        startsAt = row.startsAt
        expiresAt = row.expiresAt
        reference = row.reference
        createdAt = row.createdAt
    }

    /// One grant of an account whose head is locked.
    static func read(
        _ id: GrantID,
        of account: AccountSummary,
        _ session: Session
    ) throws -> GrantSummary {
        let rows = try GrantRow.read(of: account.id, where: "grant_id = \(id)", session)
        guard let row = rows.first else { throw LedgerError(.notFound, "no grant \(id)") }
        let burnDown = try BurnDownStore(session).read(account.id, at: account.version)
        return GrantSummary(row, of: account, rest: burnDown.rest(of: id))
    }

    /// What burns like a grant and has no row: corrections, and what payments left over.
    fileprivate static func readUnlisted(
        _ burning: [BurningGrant],
        of account: AccountSummary,
        _ session: Session
    ) throws -> [GrantSummary] {
        guard !burning.isEmpty else { return [] }
        let rows = try session.execute(
            """
            SELECT version, kind, amount_pico, occurred_at FROM events
            WHERE account_id = \(account.id) AND version = ANY(\(burning.map(\.version)))
            """
        )
        let byVersion = Dictionary(
            burning.map { ($0.version, $0) },
            uniquingKeysWith: { first, _ in first }
        )
        return try rows.compactMap { row in
            guard let grant = byVersion[try row.get("version")] else { return nil }
            let amount = try row.get("amount_pico", as: Pico.self)
            let isCorrection = try row.get("kind", as: EventKind.self) == .creditAdjusted
            return GrantSummary(
                id: grant.id,
                account: account.slug,
                origin: isCorrection ? .correction : .surplus,
                kind: grant.kind,
                status: .live,
                amount: amount,
                remaining: grant.rest,
                burned: amount - grant.rest,
                priority: grant.priority,
                startsAt: nil,
                expiresAt: nil,
                reference: nil,
                createdAt: try row.get("occurred_at")
            )
        }
    }

    private static func status(_ row: GrantRow, rest: Pico) -> Status {
        if row.postedAt == nil { return row.voidedAt == nil ? .scheduled : .cancelled }
        if rest > .zero { return row.kept > .zero || row.voidedAt != nil ? .ending : .live }
        if row.chargedBackAt != nil { return .chargedBack }
        // A part of it may have been refunded before calls took the rest.
        if row.withdrawn == .zero || row.closedAt == nil { return .spent }
        return row.voidedAt == nil ? .expired : .voided
    }
}
