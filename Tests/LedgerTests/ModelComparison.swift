import Ledger
import LedgerModel
import Postgres
import Schema
import Testing

@testable import Ledger

extension RandomCommands {
    /// Compares all that both sides keep: heads, streams, leases, parked events, instances.
    func compare(with ledger: LedgerFixture) async throws {
        for account in accounts {
            let model = try #require(database.accounts[account])
            #expect(try await ledger.head(of: account) == model.head)
            #expect(try await ledger.chargedFrom(of: account) == model.chargedFrom)
            let stream = try await ledger.events.events(of: account, limit: 10_000)
            #expect(stream.map(\.event.comparable) == model.stream.map(\.event.comparable))
            #expect(stream.map(\.version) == model.stream.map(\.version))
            #expect(stream.map(\.amount) == model.stream.map(\.amount))
            #expect(stream.map(\.excess) == model.stream.map(\.excess))
            let leases = try await ledger.leases(of: account)
            #expect(leases == model.leases.mapValues { LeaseImage($0) })
            #expect(
                try await ledger.days(of: account) == Set(model.caps.days.map { DayImage($0, $1) })
            )
            let parts = model.caps.leases.flatMap { lease, parts in
                parts.map { CapLeaseImage(lease, $0, $1) }
            }
            #expect(try await ledger.capLeases(of: account) == Set(parts))
            #expect(
                try await ledger.grants(of: account)
                    == Set(model.grants.map { GrantImage($0, $1) })
            )
            let parked = try await ledger.count(
                "SELECT count(*) FROM parked_events WHERE account_id = \(account)"
            )
            #expect(parked == Int64(model.parked.count))
        }
        for (instance, row) in database.instances {
            let epoch = try await ledger.count(
                "SELECT epoch FROM instances WHERE instance_id = \(instance)"
            )
            #expect(epoch == row.epoch)
        }
    }
}

/// A lease as either side keeps it.
struct LeaseImage: Hashable, Sendable {
    let instance: InstanceID
    let epoch: Int64
    let row: LeaseRow
}

extension LeaseImage {
    init(_ lease: ModelDatabase.Lease) {
        self.init(instance: lease.instance, epoch: lease.epoch, row: lease.row)
    }
}

extension LedgerFixture {
    fileprivate func leases(of account: AccountID) async throws -> [LeaseID: LeaseImage] {
        try await service.read { session in
            let rows = try session.execute(
                """
                SELECT lease_id, instance_id, epoch, granted, settled, state = 'open' AS is_open,
                    op_seq, op_kind, op_result
                FROM leases WHERE account_id = \(account)
                """
            )
            var leases: [LeaseID: LeaseImage] = [:]
            for row in rows {
                leases[try row.get("lease_id")] = LeaseImage(
                    instance: try row.get("instance_id"),
                    epoch: try row.get("epoch"),
                    row: LeaseRow(
                        granted: try row.get("granted"),
                        settled: try row.get("settled"),
                        isOpen: try row.get("is_open"),
                        opSequence: try row.get("op_seq"),
                        opKind: try row.get("op_kind"),
                        opResult: try row.get("op_result")
                    )
                )
            }
            return leases
        }
    }
}

/// A row of `spend_days`.
private struct DayImage: Hashable, Sendable {
    let scope: Identifier<CapScope>
    let startsAt: Instant
    let endsAt: Instant
    let monthStartsAt: Instant
    let spent: Pico

    init(_ key: CapDay, _ day: ModelCaps.Day) {
        scope = key.scope.id
        (startsAt, endsAt) = (day.startsAt, day.endsAt)
        monthStartsAt = day.monthStartsAt
        spent = day.spent
    }

    init(_ row: Row) throws {
        scope = try row.get("scope_id")
        startsAt = try row.get("starts_at")
        endsAt = try row.get("ends_at")
        monthStartsAt = try row.get("month_starts_at")
        spent = try row.get("spent")
    }
}

/// A row of `cap_leases`.
private struct CapLeaseImage: Hashable, Sendable {
    let lease: LeaseID
    let scope: Identifier<CapScope>
    let startsAt: Instant
    let row: ModelCaps.Lease

    init(_ lease: LeaseID, _ day: CapDay, _ row: ModelCaps.Lease) {
        (self.lease, self.row) = (lease, row)
        (scope, startsAt) = (day.scope.id, day.startsAt)
    }

    init(_ row: Row) throws {
        lease = try row.get("lease_id")
        scope = try row.get("scope_id")
        startsAt = try row.get("day_starts_at")
        self.row = ModelCaps.Lease(
            granted: try row.get("granted"),
            settled: try row.get("settled"),
            opSequence: try row.get("op_seq"),
            opResult: try row.get("op_result")
        )
    }
}

/// What becomes of a row of `grants`.
private struct GrantImage: Hashable, Sendable {
    let grant: GrantID
    let kept: Pico
    let withdrawn: Pico
    let isVoided: Bool
    let isClosed: Bool

    init(_ grant: GrantID, _ row: ModelGrant) {
        self.grant = grant
        (kept, withdrawn) = (row.kept, row.withdrawn)
        (isVoided, isClosed) = (row.voidedAt != nil, row.closedAt != nil)
    }

    init(_ row: Row) throws {
        grant = try row.get("grant_id")
        kept = try row.get("kept")
        withdrawn = try row.get("withdrawn")
        isVoided = try row.get("voided_at", as: Instant?.self) != nil
        isClosed = try row.get("closed_at", as: Instant?.self) != nil
    }
}

extension LedgerFixture {
    fileprivate func chargedFrom(of account: AccountID) async throws -> Instant? {
        try await service.read { session in
            try session.execute(
                "SELECT charged_from FROM account_heads WHERE account_id = \(account)"
            ).single().get("charged_from", as: Instant?.self)
        }
    }

    fileprivate func days(of account: AccountID) async throws -> Set<DayImage> {
        try await service.read { session in
            Set(
                try session.execute("SELECT * FROM spend_days WHERE account_id = \(account)")
                    .map { try DayImage($0) }
            )
        }
    }

    fileprivate func capLeases(of account: AccountID) async throws -> Set<CapLeaseImage> {
        try await service.read { session in
            Set(
                try session.execute("SELECT * FROM cap_leases WHERE account_id = \(account)")
                    .map { try CapLeaseImage($0) }
            )
        }
    }

    fileprivate func grants(of account: AccountID) async throws -> Set<GrantImage> {
        try await service.read { session in
            Set(
                try session.execute("SELECT * FROM grants WHERE account_id = \(account)")
                    .map { try GrantImage($0) }
            )
        }
    }
}

extension Event {
    /// Without the id, where each side makes its own.
    fileprivate var comparable: Event {
        switch body {
        case .creditExpired, .creditVoided:
            Event(
                account: account,
                id: EventID(high: 0, low: 0),
                occurredAt: occurredAt,
                body: body
            )
        default: self
        }
    }
}
