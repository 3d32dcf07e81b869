import Digest
import Postgres
import Schema

// How the vocabulary is stored.

extension Identifier: PostgresRepresentable {
    package var postgresValue: UUIDBytes { UUIDBytes(high: high, low: low) }

    package init(postgresValue: UUIDBytes) {
        self.init(high: postgresValue.high, low: postgresValue.low)
    }
}

extension Nonce: PostgresRepresentable {
    package var postgresValue: UUIDBytes { UUIDBytes(high: high, low: low) }

    package init(postgresValue: UUIDBytes) {
        self.init(high: postgresValue.high, low: postgresValue.low)
    }
}

extension Instant: PostgresRepresentable {
    package var postgresValue: Timestamp { Timestamp(microseconds: microseconds) }

    package init(postgresValue: Timestamp) {
        self.init(microseconds: postgresValue.microseconds)
    }
}

extension Pico: PostgresRepresentable {
    package var postgresValue: Int128 { units }

    package init(postgresValue: Int128) { self.init(postgresValue) }
}

extension SHA256Digest: PostgresRepresentable {
    package var postgresValue: Bytea { Bytea(bytes) }

    package init(postgresValue: Bytea) throws(PostgresValueError) {
        guard let digest = SHA256Digest(postgresValue.bytes) else {
            throw PostgresValueError("not the 32 bytes of a SHA-256")
        }
        self = digest
    }
}

extension Currency: PostgresRepresentable {
    package var postgresValue: String { code }

    package init(postgresValue: String) throws(PostgresValueError) {
        guard let currency = Currency(postgresValue) else {
            throw PostgresValueError("not the code of a currency")
        }
        self = currency
    }
}

extension EventKind: PostgresRepresentable {}
extension Endpoint: PostgresRepresentable {}
extension ServiceTier: PostgresRepresentable {}
extension UsageOutcome: PostgresRepresentable {}
extension UsageSource: PostgresRepresentable {}
extension CreditGranted.Kind: PostgresRepresentable {}

// What a batch of events binds, without the detour through protocols.

extension ArrayColumn where Scalar == UUIDBytes {
    mutating func append<Entity>(_ identifier: Identifier<Entity>?) {
        append(identifier?.postgresValue)
    }
}

extension ArrayColumn where Scalar == Timestamp {
    mutating func append(_ instant: Instant?) { append(instant?.postgresValue) }
}
