import Postgres
import Schema

/// Folds streams as they are read, and compares what they leave of the grants with what is
/// recorded.
///
/// Accounts come in order, and the events of each in order. What is recorded of a scope is read as
/// a whole, so that no account costs a query.
struct BurnDownVerification {
    private struct Head {
        let account: AccountID
        let version: Int64
        let balance: Pico
    }

    private(set) var findings: [Verification.Finding] = []
    private let heads: [Head]
    private let checkpoints: [AccountID: GrantBurnDown]
    private var grants: GrantCursor
    /// The first head that is not finished, and its audit once an event of it has come.
    private var next = 0
    private var audit: BurnDownAudit?

    /// Reads what a scope has, as the transaction sees it.
    init(_ session: Session, _ scope: VerificationScope) throws {
        heads = try session.execute(
            """
            SELECT account_id, version, balance FROM account_heads
            WHERE \(scope.accounts) AND version > 0 ORDER BY account_id
            """
        ).map { row in
            Head(
                account: try row.get("account_id"),
                version: try row.get("version"),
                balance: try row.get("balance")
            )
        }
        checkpoints = try BurnDownStore(session).readCheckpoints(where: scope.accounts)
        grants = try GrantCursor(session, scope)
    }

    /// Takes the next event; nil for one that cannot be read, which is found by its hash.
    mutating func add(
        _ recorded: RecordedEvent?,
        at version: Int64,
        of account: AccountID
    ) throws {
        while next < heads.count, heads[next].account < account { try finishHead() }
        guard next < heads.count, heads[next].account == account, version <= heads[next].version
        else { return }
        if audit == nil { audit = begin(account) }
        if let recorded {
            audit?.apply(BurnDownEntry(recorded))
        } else {
            audit?.isUnreadable = true
        }
    }

    /// Finishes the accounts that are left.
    mutating func finish() throws {
        while next < heads.count { try finishHead() }
        try grants.close()
    }

    private func begin(_ account: AccountID) -> BurnDownAudit {
        BurnDownAudit(account: account, checkpoint: checkpoints[account])
    }

    private mutating func finishHead() throws {
        let head = heads[next]
        next += 1
        var audit = audit ?? begin(head.account)
        self.audit = nil
        audit.finish(balance: head.balance)
        for grant in try grants.take(of: head.account) {
            audit.check(grant.id, withdrawn: grant.withdrawn, isClosed: grant.isClosed)
        }
        if !audit.isUnreadable { findings += audit.findings }
    }
}

/// What is recorded of the grants of a scope, in the order of their accounts, a page at a time.
private struct GrantCursor {
    struct Grant {
        let account: AccountID
        let id: GrantID
        let withdrawn: Pico
        let isClosed: Bool
    }

    private static let pageSize = 1_000

    private let session: Session
    private var page: ArraySlice<Grant> = []
    private var isAtEnd = false

    init(_ session: Session, _ scope: VerificationScope) throws {
        self.session = session
        _ = try session.execute(
            """
            DECLARE audited_grants NO SCROLL CURSOR FOR
            SELECT account_id, grant_id, withdrawn,
                closed_at IS NOT NULL AND posted_at IS NOT NULL AS is_closed
            FROM grants WHERE \(scope.accounts) ORDER BY account_id
            """
        )
    }

    /// The grants of an account, which must come behind the one before.
    mutating func take(of account: AccountID) throws -> [Grant] {
        var found: [Grant] = []
        while let grant = try first(), grant.account <= account {
            page.removeFirst()
            if grant.account == account { found.append(grant) }
        }
        return found
    }

    func close() throws { try session.script("CLOSE audited_grants") }

    private mutating func first() throws -> Grant? {
        if page.isEmpty, !isAtEnd {
            let rows = try session.execute(
                "FETCH \(unescaped: "\(Self.pageSize)") FROM audited_grants"
            )
            page = try rows.map { row in
                Grant(
                    account: try row.get("account_id"),
                    id: try row.get("grant_id"),
                    withdrawn: try row.get("withdrawn"),
                    isClosed: try row.get("is_closed")
                )
            }[...]
            isAtEnd = rows.count < Self.pageSize
        }
        return page.first
    }
}

/// What the fold of one stream has to be compared with.
private struct BurnDownAudit {
    let account: AccountID
    let checkpoint: GrantBurnDown?
    /// Whether an event of the stream cannot be read, so that nothing can be said.
    var isUnreadable = false
    private(set) var findings: [Verification.Finding] = []
    private var burnDown = GrantBurnDown()
    private var withdrawn: [GrantID: Pico] = [:]

    init(account: AccountID, checkpoint: GrantBurnDown?) {
        self.account = account
        self.checkpoint = checkpoint
    }

    mutating func apply(_ entry: BurnDownEntry) {
        if case .withdrawn(let grant, let amount, _) = entry.change {
            let rest = burnDown.rest(of: grant)
            if amount > rest {
                add("\(amount) is taken of grant \(grant), which has \(rest) left", entry.version)
            }
        }
        let before = burnDown.totals
        burnDown.apply(entry)
        if let grant = entry.withdrawnGrant {
            let after = burnDown.totals
            withdrawn[grant, default: .zero] +=
                after.expired + after.voided - before.expired - before.voided
        }
        if let checkpoint, checkpoint.version == entry.version, checkpoint != burnDown {
            add("the checkpoint of the grants is not what the stream gives", entry.version)
        }
    }

    mutating func finish(balance: Pico) {
        if burnDown.balance != balance {
            add(
                "the grants have \(burnDown.rest) left and \(burnDown.unpaid) is unpaid, but the"
                    + " balance is \(balance)"
            )
        }
        if let checkpoint, checkpoint.version > burnDown.version {
            add("the checkpoint of the grants is ahead of the stream")
        }
    }

    mutating func check(_ grant: GrantID, withdrawn recorded: Pico, isClosed: Bool) {
        let taken = withdrawn[grant] ?? .zero
        if recorded != taken {
            add("\(recorded) is recorded as taken of grant \(grant), but its events took \(taken)")
        }
        let rest = burnDown.rest(of: grant)
        if isClosed, rest > .zero { add("grant \(grant) is closed and has \(rest) left") }
    }

    private mutating func add(_ message: String, _ version: Int64? = nil) {
        findings.append(
            Verification.Finding(
                account: account,
                version: version,
                invariant: "I6",
                message: message
            )
        )
    }
}

extension BurnDownEntry {
    /// The grant that it takes unburned credit of.
    fileprivate var withdrawnGrant: GrantID? {
        switch change {
        case .withdrawn(let grant, _, _), .chargedBack(let grant, _): grant
        case .nothing, .taken, .granted, .paid, .owed, .limited: nil
        }
    }
}
