import Postgres
import Schema

/// Folds whole streams and compares what they leave of the grants with what is recorded.
struct BurnDownVerification {
    private let session: Session

    init(_ session: Session) {
        self.session = session
    }

    /// What is wrong in a scope, as the transaction sees it.
    func findings(_ scope: VerificationScope) throws -> [Verification.Finding] {
        let heads = try session.execute(
            """
            SELECT account_id, version, balance FROM account_heads
            WHERE \(scope.accounts) AND version > 0 ORDER BY account_id
            """
        )
        return try heads.flatMap { row in
            try check(
                row.get("account_id"),
                version: row.get("version"),
                balance: row.get("balance")
            )
        }
    }

    private func check(
        _ account: AccountID,
        version: Int64,
        balance: Pico
    ) throws -> [Verification.Finding] {
        let store = BurnDownStore(session)
        let checkpoint = try store.readCheckpoint(account, upTo: .max)
        var audit = BurnDownAudit(account: account, checkpoint: checkpoint)
        do {
            try store.forEachEntry(of: account, behind: 0, upTo: version) { audit.apply($0) }
        } catch let error as PostgresError where error.code == .decoding {
            // An event that cannot be read is found by what it is recognised by.
            return []
        }
        audit.finish(balance: balance)
        let rows = try session.execute(
            """
            SELECT grant_id, withdrawn, closed_at IS NOT NULL AND posted_at IS NOT NULL AS is_closed
            FROM grants WHERE account_id = \(account)
            """
        )
        for row in rows {
            try audit.check(
                row.get("grant_id"),
                withdrawn: row.get("withdrawn"),
                isClosed: row.get("is_closed")
            )
        }
        return audit.findings
    }
}

/// What the fold of one stream has to be compared with.
private struct BurnDownAudit {
    let account: AccountID
    let checkpoint: GrantBurnDown?
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
