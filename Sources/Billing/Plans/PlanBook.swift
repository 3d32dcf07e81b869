import Ledger
import Postgres
import Schema

/// Makes, changes and lists plans.
package struct PlanBook: Sendable {
    private let database: Database

    package init(_ database: Database) {
        self.database = database
    }

    /// A plan as it stands.
    package struct Summary: Hashable, Sendable {
        /// In force or to come, the newest last.
        package let revisions: [PlanRevision]
        /// The version that has the plan's prices now; nil when the plan is yet to begin.
        package let version: PriceVersion?
        package let accountCount: Int64

        package var name: String { revisions.first?.plan ?? "" }
    }

    /// What a change of a plan would do, or did.
    package struct Change: Hashable, Sendable {
        package let revision: PlanRevision
        /// Against the plan's prices that would otherwise be in force at its effective instant.
        package let diff: PriceDiff
        /// Whether the plan says so already; then nothing was done.
        package let isUnchanged: Bool
    }

    /// Makes a plan, whose prices are published at once: no account can have it before.
    ///
    /// - Throws: `.invalidPlan` for a name that is none or is taken.
    package func create(
        _ name: String,
        currency: Currency,
        adjustments: PlanAdjustments
    ) async throws(PriceBookError) -> PlanRevision {
        guard Self.isValid(name) else {
            throw .invalidPlan("a plan's name is a-z, 0-9, _ and -, at most 63")
        }
        return try await publishing { session in
            let now = try PriceRows.now(session)
            let revision = PlanRevision(
                plan: name,
                currency: currency,
                number: 1,
                effectiveAt: now,
                publishedAt: now,
                adjustments: adjustments
            )
            guard try PlanRows.insertPlan(session, name, currency) else {
                throw PriceBookError.invalidPlan("the plan \(name) exists already")
            }
            try PlanRows.insert(session, revision)
            var publication = try PlanPublication(session, currency)
            try publication.publish(name, from: now)
            return revision
        }
    }

    /// Sets the adjustment of one pattern of models, or with nil takes it out, from an instant on.
    ///
    /// It takes effect after the notice of prices at least. Throws `.jumps` unless forced,
    /// `.effectiveTooSoon`, `.noPlan`, and `.invalidPlan` when a later change is pending.
    ///
    /// - Parameter expected: the revision that the caller has seen; `.superseded` for another.
    package func set(
        _ name: String,
        _ pattern: ModelPattern,
        to basisPoints: BasisPoints?,
        effectiveAt: Instant? = nil,
        isForced: Bool = false,
        ifRevision expected: Int64? = nil
    ) async throws(PriceBookError) -> Change {
        try await publishing { session in
            if let expected {
                let newest = try PlanRows.revisions(session, of: name).last
                guard newest?.number == expected else {
                    throw PriceBookError.superseded(plan: name)
                }
            }
            let change = try Self.change(session, name, pattern, basisPoints, effectiveAt)
            guard !change.isUnchanged else { return change }
            let jumps = change.diff.jumps
            guard isForced || jumps.isEmpty else { throw PriceBookError.jumps(jumps) }
            try PlanRows.insert(session, change.revision)
            var publication = try PlanPublication(session, change.revision.currency)
            try publication.publish(name, from: change.revision.effectiveAt)
            return change
        }
    }

    /// What `set` would do now, without doing it.
    package func preview(
        _ name: String,
        _ pattern: ModelPattern,
        to basisPoints: BasisPoints?,
        effectiveAt: Instant? = nil
    ) async throws(PriceBookError) -> Change {
        try await PriceBook(database).reading { session in
            try Self.change(session, name, pattern, basisPoints, effectiveAt)
        }
    }

    /// All plans by name.
    package func list() async throws(PriceBookError) -> [Summary] {
        try await PriceBook(database).reading { session in
            let now = try PriceRows.now(session)
            let headers = try PriceRows.headers(session)
            let counts = try PlanRows.accountCounts(session)
            let plans = Dictionary(grouping: try PlanRows.revisions(session), by: \.plan)
            return plans.sorted { $0.key < $1.key }.map { name, revisions in
                let current = revisions.last { $0.effectiveAt <= now }
                return Summary(
                    revisions: revisions.filter { $0.number >= current?.number ?? 0 },
                    version: current.flatMap { headers.inForce($0.line, at: now)?.version },
                    accountCount: counts[name] ?? 0
                )
            }
        }
    }

    private static func change(
        _ session: Session,
        _ name: String,
        _ pattern: ModelPattern,
        _ basisPoints: BasisPoints?,
        _ effectiveAt: Instant?
    ) throws -> Change {
        guard let newest = try PlanRows.revisions(session, of: name).last else {
            throw PriceBookError.noPlan(name)
        }
        let adjustments = newest.adjustments.setting(pattern, to: basisPoints)
        if adjustments == newest.adjustments {
            let nothing = PriceDiff(from: nil, to: PriceSheet(newest.line))
            return Change(revision: newest, diff: nothing, isUnchanged: true)
        }
        let now = try PriceRows.now(session)
        let earliest = now.adding(seconds: PriceBook.noticeSeconds)
        if let effectiveAt, effectiveAt < earliest {
            throw PriceBookError.effectiveTooSoon(earliest: earliest)
        }
        let effective = effectiveAt ?? max(earliest, newest.effectiveAt)
        guard effective >= newest.effectiveAt else {
            throw PriceBookError.invalidPlan(
                "a change of \(name) takes effect at \(newest.effectiveAt) already: this one may"
                    + " only follow it"
            )
        }
        let revision = PlanRevision(
            plan: name,
            currency: newest.currency,
            number: newest.number + 1,
            effectiveAt: effective,
            publishedAt: now,
            adjustments: adjustments
        )
        var publication = try PlanPublication(session, newest.currency)
        let diff = PriceDiff(
            from: try publication.sheet(of: newest, at: effective),
            to: try publication.sheet(of: revision, at: effective)
        )
        return Change(revision: revision, diff: diff, isUnchanged: false)
    }

    private func publishing<Value: Sendable>(
        _ body: @escaping @Sendable (Session) throws -> Value
    ) async throws(PriceBookError) -> Value {
        let act = Act.current
        do {
            return try await database.transaction { session in
                try act?.announce(session)
                try PriceBook.lock(session)
                return try body(session)
            }
        } catch {
            throw PriceBookError(error)
        }
    }

    private static func isValid(_ name: String) -> Bool {
        let isPlain = name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
        return isPlain && (1...63).contains(name.utf8.count) && name.first != "_"
            && name.first != "-"
    }
}
