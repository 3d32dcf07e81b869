import Digest
import Postgres
import Schema

/// What a seal covers of an event: its place, what the append decided, and its content's hash.
///
/// The content hash stands for all that the producer stated, account and event id included.
struct SealedEvent: Hashable, Sendable {
    let version: Int64
    let recordedAt: Instant
    let amount: Pico
    let fromLease: Int64?
    let excess: Int64?
    let upstreamCostCurrency: Currency?
    let contentHash: SHA256Digest

    /// The columns that `init(_:)` reads, of `events`.
    static let columns: SQL = """
        events.version, events.recorded_at, events.amount_pico, events.from_lease_pico,
        events.excess_pico, events.upstream_cost_currency, events.content_hash
        """

    init(_ row: Row) throws(PostgresError) {
        version = try row.get("version")
        recordedAt = try row.get("recorded_at")
        amount = try row.get("amount_pico")
        fromLease = try row.get("from_lease_pico")
        excess = try row.get("excess_pico")
        upstreamCostCurrency = try row.get("upstream_cost_currency")
        contentHash = try row.get("content_hash")
    }

    init(
        version: Int64,
        recordedAt: Instant,
        amount: Pico,
        fromLease: Int64? = nil,
        excess: Int64? = nil,
        upstreamCostCurrency: Currency? = nil,
        contentHash: SHA256Digest
    ) {
        self.version = version
        self.recordedAt = recordedAt
        self.amount = amount
        self.fromLease = fromLease
        self.excess = excess
        self.upstreamCostCurrency = upstreamCostCurrency
        self.contentHash = contentHash
    }

    /// SHA-256 of its canonical bytes: integers big-endian, optionals behind a byte that is 0 or 1.
    var hash: SHA256Digest {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(128)
        func append(_ value: some FixedWidthInteger) {
            withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
        }
        func append(optional value: Int64?) {
            append(value == nil ? 0 : 1 as UInt8)
            if let value { append(value) }
        }
        append(Seal.formatWritten)
        append(version)
        append(recordedAt.microseconds)
        append(amount.units)
        append(optional: fromLease)
        append(optional: excess)
        append(upstreamCostCurrency == nil ? 0 : 1 as UInt8)
        if let upstreamCostCurrency { bytes.append(contentsOf: upstreamCostCurrency.code.utf8) }
        contentHash.withUnsafeBytes { bytes.append(contentsOf: $0) }
        return SHA256.hash(bytes)
    }
}
