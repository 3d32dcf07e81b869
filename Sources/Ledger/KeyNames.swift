import Postgres
import Schema

/// What people call a key, and the beginning of its secret.
package struct KeyName: Hashable, Sendable {
    package let prefix: String
    package let name: String
}

extension APIKeys {
    /// The names of some keys; without those that do not exist.
    package func names(of keys: [KeyID]) async throws(LedgerError) -> [KeyID: KeyName] {
        guard !keys.isEmpty else { return [:] }
        return try await database.ledgerRead { session in
            let rows = try session.execute(
                "SELECT key_id, prefix, name FROM api_keys WHERE key_id = ANY(\(keys))"
            )
            var names: [KeyID: KeyName] = [:]
            for row in rows {
                names[try row.get("key_id")] = KeyName(
                    prefix: try row.get("prefix"),
                    name: try row.get("name")
                )
            }
            return names
        }
    }
}
