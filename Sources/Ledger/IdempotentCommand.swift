import Digest
import Postgres
import Schema

/// A command that may come twice with one key: the second time it answers what it made the first.
package struct IdempotentCommand: Sendable {
    private let name: String
    private let key: String?
    private let requestHash: SHA256Digest

    /// Everything that makes the request what it is goes into `content`, in a fixed order.
    package init(_ name: String, key: String?, content: [String?]) {
        self.name = name
        self.key = key
        var bytes: [UInt8] = []
        for part in content {
            // Lengths keep ["ab", "c"] apart from ["a", "bc"]; absence is not the empty text.
            withUnsafeBytes(of: Int64(part?.utf8.count ?? -1).bigEndian) {
                bytes.append(contentsOf: $0)
            }
            bytes.append(contentsOf: (part ?? "").utf8)
        }
        requestHash = SHA256.hash(bytes)
    }

    /// What the command made when it came before; nil when it is new or has no key.
    ///
    /// The account's head must be locked, so that two of one key come one after the other.
    package func recorded(for account: AccountID, _ session: Session) throws -> UUIDBytes? {
        guard let key else { return nil }
        let rows = try session.execute(
            """
            SELECT command, request_hash, result_id FROM idempotency_keys
            WHERE account_id = \(account) AND idempotency_key = \(key)
            """
        )
        guard let row = rows.first else { return nil }
        guard try row.get("command", as: String.self) == name,
            try row.get("request_hash", as: SHA256Digest.self) == requestHash
        else {
            throw LedgerError(.conflict, "the idempotency key came before with other content")
        }
        return try row.get("result_id", as: UUIDBytes?.self)
    }

    /// Keeps what the command has made, for when it comes again.
    package func record(_ result: UUIDBytes, for account: AccountID, _ session: Session) throws {
        guard let key else { return }
        guard (1...200).contains(key.unicodeScalars.count) else {
            throw LedgerError(.invalid, "an idempotency key has 1 to 200 characters")
        }
        _ = try session.execute(
            """
            INSERT INTO idempotency_keys
                (account_id, idempotency_key, command, request_hash, result_id)
            VALUES (\(account), \(key), \(name), \(requestHash), \(result))
            """
        )
    }
}

extension UUIDBytes {
    /// The same bytes, whatever they identify.
    package init<Entity>(_ identifier: Identifier<Entity>) {
        self.init(high: identifier.high, low: identifier.low)
    }
}

extension Database {
    /// Runs a command whose ids were minted beforehand, so that it can be repeated, in the name of
    /// the task's `Act`.
    package func ledgerCommand<Value: Sendable>(
        _ body: @escaping @Sendable (Session) throws -> Value
    ) async throws(LedgerError) -> Value {
        let act = Act.current
        do {
            return try await repeatableTransaction { session in
                try act?.announce(session)
                return try body(session)
            }
        } catch {
            throw LedgerError(error)
        }
    }
}

extension AppendTransaction {
    /// Appends the one event of a command; parking it is an error of the command.
    @discardableResult
    package func runOne(_ event: Event) throws -> AppendOutcome {
        let outcome = try run([HashedEvent(event)])[0]
        if case .parked(let reason) = outcome {
            throw LedgerError(.invalid, "the event is refused: \(reason.rawValue)")
        }
        return outcome
    }
}
