import Postgres
import Schema

extension APIKeys {
    /// Gives a key another secret; the one that it had works until `overlap` has passed.
    ///
    /// It stays the same key, with its limits, its caps and its usage. Those that it had before keep
    /// their own ends, or get this one where it is sooner.
    /// - Throws: `.refused` for a key that is revoked or has expired, `.notFound`.
    package func rotate(
        _ key: KeyID,
        overlap: Duration
    ) async throws(LedgerError) -> (key: KeySummary, secret: APIKeySecret) {
        let secret = APIKeySecret.make()
        let rotated = try await database.ledgerCommand { session in
            try Rotation(session, key, secret, overlap).perform()
        }
        return (rotated, secret)
    }
}

/// A rotation's transaction; an attempt whose answer was lost is found done.
private struct Rotation {
    let session: Session
    let id: KeyID
    let secret: APIKeySecret
    let overlapSeconds: Int64

    init(_ session: Session, _ id: KeyID, _ secret: APIKeySecret, _ overlap: Duration) {
        (self.session, self.id, self.secret) = (session, id, secret)
        overlapSeconds = overlap.components.seconds
    }

    func perform() throws -> KeySummary {
        let key = try KeySummary.read(id, session)
        let row = try session.execute(
            """
            SELECT secret_hash = \(secret.hash) AS is_done, revoked_at IS NOT NULL AS is_revoked,
                coalesce(expires_at <= clock_timestamp(), false) AS is_expired
            FROM api_keys WHERE account_id = \(key.account) AND key_id = \(id)
            FOR NO KEY UPDATE
            """
        ).single()
        if try row.get("is_done") { return key }
        if try row.get("is_revoked") { throw LedgerError(.refused, "the key is revoked") }
        if try row.get("is_expired") { throw LedgerError(.refused, "the key has expired") }
        try retire(in: key.account)
        _ = try session.execute(
            """
            UPDATE api_keys SET secret_hash = \(secret.hash), prefix = \(secret.prefix)
            WHERE account_id = \(key.account) AND key_id = \(id)
            """
        )
        return try KeySummary.read(id, session)
    }

    private func retire(in account: AccountID) throws {
        let end: SQL = "clock_timestamp() + make_interval(secs => \(overlapSeconds))"
        _ = try session.execute(
            """
            UPDATE retired_secrets SET expires_at = least(expires_at, \(end))
            WHERE account_id = \(account) AND key_id = \(id)
            """
        )
        _ = try session.execute(
            """
            INSERT INTO retired_secrets (account_id, key_id, secret_hash, expires_at)
            SELECT account_id, key_id, secret_hash, \(end) FROM api_keys
            WHERE account_id = \(account) AND key_id = \(id)
            """
        )
    }
}

extension AddressRange {
    /// Reads `addresses`; one that cannot be read lets nobody in.
    static func list(_ row: Row) throws(PostgresError) -> [AddressRange]? {
        guard let texts = try row.get("addresses", as: [String]?.self) else { return nil }
        return texts.compactMap { AddressRange($0) }
    }
}
