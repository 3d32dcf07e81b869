import Postgres
import Schema

/// The calls of the last day that came with an `Idempotency-Key`.
///
/// A claim is one row, made before the call is admitted and ended after it is settled. Where the
/// process dies in between, the claim holds until the lease is closed that the call was admitted
/// on; whoever repeats it afterwards makes it anew, unless the ledger has its charge. A charge of the
/// first that comes later still, from a journal that is found again, takes nothing any more: which
/// of the two comes first is decided under the lock of the account's head.
package struct KeyedCallStore: Sendable {
    private static let keptHours: Int64 = 24
    private static let forgottenAtOnce: Int64 = 1_000

    private let database: Database
    private let instance: InstanceID

    /// - Parameter instance: in whose name calls are claimed.
    package init(_ database: Database, instance: InstanceID) {
        self.database = database
        self.instance = instance
    }

    /// Claims a call by its name, or finds what is there already.
    ///
    /// The same call may claim again when it does not know whether it has.
    package func claim(_ call: KeyedCall) async throws(LedgerError) -> KeyedCallClaim {
        do {
            return try await database.repeatableTransaction { session in
                try insert(call, session) ? .claimed : try find(call, session)
            }
        } catch {
            throw LedgerError(error)
        }
    }

    /// Notes a claimed call's end, and what it was answered if that is to be kept.
    package func end(
        _ call: KeyedCall,
        charge: Pico,
        answer: KeyedAnswer?
    ) async throws(LedgerError) {
        let charge = Int64(clamping: charge.units)
        try await change { session in
            _ = try session.execute(
                """
                UPDATE keyed_calls SET ended_at = clock_timestamp(), charge_pico = \(charge),
                    status = \(answer.map { Int16($0.status) }),
                    field_names = \(answer?.fields.map(\.name)),
                    field_values = \(answer?.fields.map(\.value)),
                    body = \(answer.map { Bytea($0.body) })
                WHERE \(isOwn(call)) AND ended_at IS NULL
                """
            )
        }
    }

    /// Gives a claim up: the call came to nothing, and its repeat is to be made anew.
    package func release(_ call: KeyedCall) async throws(LedgerError) {
        try await change { session in
            _ = try session.execute(
                "DELETE FROM keyed_calls WHERE \(isOwn(call)) AND ended_at IS NULL"
            )
        }
    }

    /// Forgets what is older than a day; returns how many calls.
    package func forgetOld() async throws(LedgerError) -> Int {
        var forgotten = 0
        while true {
            let count = try await database.ledgerTransaction { session in
                try session.execute(
                    """
                    DELETE FROM keyed_calls USING (
                        SELECT account_id, key_id, idempotency_key FROM keyed_calls
                        WHERE \(Self.isOld) ORDER BY claimed_at LIMIT \(Self.forgottenAtOnce)
                        FOR UPDATE SKIP LOCKED
                    ) AS old
                    WHERE keyed_calls.account_id = old.account_id
                        AND keyed_calls.key_id = old.key_id
                        AND keyed_calls.idempotency_key = old.idempotency_key
                    """
                ).affectedCount
            }
            forgotten += count
            if count < Self.forgottenAtOnce { return forgotten }
        }
    }

    private func change(
        _ body: @escaping @Sendable (Session) throws -> Void
    ) async throws(LedgerError) {
        do {
            try await database.repeatableTransaction(body)
        } catch {
            throw LedgerError(error)
        }
    }

    // MARK: Claiming

    private static let isOld: SQL = """
        keyed_calls.claimed_at < clock_timestamp() - make_interval(hours => \(keptHours)::integer)
        """

    private func isNamed(_ call: KeyedCall) -> SQL {
        """
        keyed_calls.account_id = \(call.account) AND keyed_calls.key_id = \(call.key)
            AND keyed_calls.idempotency_key = \(call.name)
        """
    }

    private func isOwn(_ call: KeyedCall) -> SQL {
        "\(isNamed(call)) AND request_id = \(call.request)"
    }

    /// Makes the row; false when there is a younger one than a day.
    private func insert(_ call: KeyedCall, _ session: Session) throws -> Bool {
        try session.execute(
            """
            INSERT INTO keyed_calls (account_id, key_id, idempotency_key, request_hash, request_id,
                instance_id, epoch)
            SELECT \(call.account), \(call.key), \(call.name), \(call.requestHash),
                \(call.request), instance_id, epoch
            FROM instances WHERE instance_id = \(instance)
            ON CONFLICT (account_id, key_id, idempotency_key) DO UPDATE SET
                request_hash = excluded.request_hash, request_id = excluded.request_id,
                instance_id = excluded.instance_id, epoch = excluded.epoch,
                claimed_at = clock_timestamp(), ended_at = NULL, charge_pico = NULL,
                status = NULL, field_names = NULL, field_values = NULL, body = NULL
            WHERE \(Self.isOld)
            """
        ).affectedCount > 0
    }

    /// What stands under the name; claims it when whoever had claimed it is gone.
    private func find(_ call: KeyedCall, _ session: Session) throws -> KeyedCallClaim {
        let rows = try session.execute(
            "SELECT * FROM keyed_calls WHERE \(isNamed(call)) FOR UPDATE"
        )
        // Released a moment ago, or this instance is not registered: both pass.
        guard let row = rows.first else { return .running }
        let request = try row.get("request_id", as: RequestID.self)
        let isEnded = try row.get("ended_at", as: Instant?.self) != nil
        if request == call.request, !isEnded { return .claimed }
        if try row.get("request_hash") != call.requestHash { return .otherRequest }
        if isEnded {
            let charge = try row.get("charge_pico", as: Int64.self)
            return try KeyedAnswer(row).map { .answered($0) }
                ?? .ended(request, charge: Pico(Int128(charge)))
        }
        guard try isAbandoned(call, session) else { return .running }
        // From here on no append can bring the charge unseen.
        _ = try session.execute(
            "SELECT FROM account_heads WHERE account_id = \(call.account) FOR UPDATE"
        )
        guard try isAbandoned(call, session) else { return .running }
        if let charge = try charge(of: request, call.account, session) {
            return .ended(request, charge: charge)
        }
        try takeOver(call, insteadOf: request, session)
        return .claimed
    }

    /// Whether the process that claimed the call has ended, and no lease of it is open that the
    /// call could still be charged to.
    private func isAbandoned(_ call: KeyedCall, _ session: Session) throws -> Bool {
        try session.execute(
            """
            SELECT (instances.epoch > keyed_calls.epoch OR instances.stopped_at IS NOT NULL
                OR instances.renewed_at < clock_timestamp()
                    - make_interval(secs => instances.release_after_seconds))
                AND NOT EXISTS (
                    SELECT FROM leases WHERE leases.account_id = keyed_calls.account_id
                        AND leases.instance_id = keyed_calls.instance_id
                        AND leases.epoch = keyed_calls.epoch AND leases.state = 'open'
                ) AS abandoned
            FROM keyed_calls JOIN instances USING (instance_id) WHERE \(isNamed(call))
            """
        ).first?.get("abandoned", as: Bool.self) ?? false
    }

    /// What a call was charged whose answer is lost; nil for nothing.
    private func charge(
        of request: RequestID,
        _ account: AccountID,
        _ session: Session
    ) throws -> Pico? {
        try session.execute(
            """
            SELECT -amount_pico::numeric AS charge FROM events
            WHERE account_id = \(account) AND request_id = \(request) AND amount_pico <> 0
                AND occurred_at >= \(request.madeAt ?? Instant(microseconds: 0)) LIMIT 1
            """
        ).first?.get("charge", as: Pico.self)
    }

    private func takeOver(
        _ call: KeyedCall,
        insteadOf request: RequestID,
        _ session: Session
    ) throws {
        _ = try session.execute(
            """
            INSERT INTO repeated_calls (account_id, request_id, repeat_request_id)
            VALUES (\(call.account), \(request), \(call.request)) ON CONFLICT DO NOTHING
            """
        )
        _ = try session.execute(
            """
            UPDATE keyed_calls SET request_id = \(call.request),
                instance_id = instances.instance_id, epoch = instances.epoch,
                claimed_at = clock_timestamp()
            FROM instances WHERE instances.instance_id = \(instance) AND \(isNamed(call))
            """
        )
    }
}

extension KeyedAnswer {
    /// The answer of a call that has ended; nil when it is not kept.
    fileprivate init?(_ row: Row) throws {
        guard let body = try row.get("body", as: Bytea?.self) else { return nil }
        let names = try row.get("field_names", as: [String].self)
        let values = try row.get("field_values", as: [String].self)
        self.init(
            status: Int(try row.get("status", as: Int16.self)),
            fields: zip(names, values).map { Field(name: $0, value: $1) },
            body: body.bytes
        )
    }
}
