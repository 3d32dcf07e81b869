import Digest
import Schema

/// The canonical bytes of an event: what is hashed, what the journal keeps, what a seal covers.
///
/// One version byte, then every field in a fixed order: integers big-endian, text in UTF-8 behind
/// its length, optionals behind a byte that is 0 or 1. Equal events have equal bytes, for ever: a
/// field is added by a new version, never to an old one.
package enum EventEncoding {
    /// The newest version.
    ///
    /// 2 added the terms of a grant, 3 the attempts of a call that failed before the one that
    /// ended it, its lowered cap and the currency of its cost, 4 the caps that a call was taken
    /// from, 5 from when on a closed month still charges. An event is written in the oldest version
    /// that has all its fields, so those of before keep their bytes.
    package static let version: UInt8 = 5

    /// The version that an event is written in.
    static func version(of body: EventBody) -> UInt8 {
        switch body {
        case .creditGranted(let grant): grant.priority == 0 && grant.expiresAt == nil ? 1 : 2
        case .usage(let usage): version(of: usage)
        case .periodClosed(let closed): closed.chargedFrom == nil ? 1 : 5
        case .creditExpired, .creditVoided, .creditChargedBack, .creditAdjusted,
            .creditLimitSet, .payment, .creditNote, .rounding, .leaseLost:
            1
        }
    }

    private static func version(of usage: Usage) -> UInt8 {
        if !usage.capped.isEmpty { return 4 }
        let isFirst =
            usage.attempts.isEmpty && usage.loweredCap == nil && usage.upstreamCostCurrency == nil
        return isFirst ? 1 : 3
    }

    /// The bytes of an event as its producer states it.
    package static func encode(_ event: Event) -> [UInt8] {
        var writer = EventWriter()
        let version = version(of: event.body)
        writer.write(version)
        writer.write(event.body.kind.rawValue)
        writer.write(event.account)
        writer.write(event.id)
        writer.write(event.occurredAt.microseconds)
        switch event.body {
        case .usage(let usage):
            writer.write(usage)
            guard version >= 3 else { break }
            writer.write(usage.attempts)
            writer.write(optional: usage.loweredCap) { $0.write($1) }
            writer.write(optional: usage.upstreamCostCurrency) { $0.write($1.code) }
            if version >= 4 { writer.write(usage.capped.rawValue) }
        case .creditGranted(let grant):
            writer.write(grant.grant)
            writer.write(grant.kind.rawValue)
            writer.write(grant.amount)
            writer.write(optional: grant.reference) { $0.write($1) }
            guard version >= 2 else { break }
            writer.write(grant.priority)
            writer.write(optional: grant.expiresAt) { $0.write($1.microseconds) }
        case .creditExpired(let withdrawal), .creditVoided(let withdrawal):
            writer.write(withdrawal.grant)
            writer.write(withdrawal.amount)
            writer.write(withdrawal.kept)
        case .creditChargedBack(let chargeback):
            writer.write(chargeback.grant)
            writer.write(chargeback.amount)
            writer.write(chargeback.reason)
        case .creditAdjusted(let adjustment):
            writer.write(adjustment.amount)
            writer.write(adjustment.reason)
        case .creditLimitSet(let change):
            writer.write(change.limit)
        case .payment(let payment):
            writer.write(payment.amount)
            writer.write(payment.invoice)
            writer.write(payment.reference)
        case .creditNote(let note):
            writer.write(note.amount)
            writer.write(note.invoice)
            writer.write(note.number)
            writer.write(note.reason)
        case .rounding(let rounding):
            writer.write(rounding.amount)
            writer.write(rounding.invoice)
        case .leaseLost(let lost):
            writer.write(lost.lease)
            writer.write(lost.instance)
            writer.write(lost.epoch)
            writer.write(lost.bound)
        case .periodClosed(let closed):
            writer.write(closed.month.description)
            writer.write(closed.endsAt.microseconds)
            guard version >= 5 else { break }
            writer.write(optional: closed.chargedFrom) { $0.write($1.microseconds) }
        }
        return writer.bytes
    }

    /// SHA-256 of the canonical bytes: what an event is recognised by when it comes again.
    package static func contentHash(_ event: Event) -> SHA256Digest {
        SHA256.hash(encode(event))
    }
}

/// Appends fields in their canonical form.
private struct EventWriter {
    /// A call with names of ordinary length fits.
    private static let usualBytes = 512

    /// Longer than what is written, so that nearly every field is one store.
    private var storage = [UInt8](repeating: 0, count: usualBytes)
    private var count = 0

    var bytes: [UInt8] { Array(storage[..<count]) }

    mutating func write(_ usage: Usage) {
        write(usage.request)
        write(optional: usage.lease) { $0.write($1) }
        write(usage.key)
        write(usage.project)
        write(usage.admittedAt.microseconds)
        write(usage.model)
        write(usage.upstream)
        write(usage.upstreamModel)
        write(usage.endpoint.rawValue)
        write(usage.isStreamed ? 1 : 0 as UInt8)
        write(usage.serviceTier.rawValue)
        write(usage.contextTier.threshold)
        write(usage.tokens)
        write(usage.webSearches)
        write(usage.latencyMilliseconds)
        write(optional: usage.firstByteMilliseconds) { $0.write($1) }
        write(Int64(usage.status))
        write(usage.outcome.rawValue)
        write(usage.source.rawValue)
        write(usage.priceVersion.number)
        write(usage.hold)
        write(usage.charge)
        write(usage.excess)
        write(optional: usage.upstreamCost) { $0.write($1) }
    }

    mutating func write(_ attempts: [UpstreamAttempt]) {
        write(UInt32(attempts.count))
        for attempt in attempts {
            write(attempt.upstream)
            write(attempt.upstreamModel)
            write(attempt.end.rawValue)
            write(optional: attempt.status) { $0.write(Int64($1)) }
            write(attempt.milliseconds)
        }
    }

    mutating func write(_ tokens: TokenUsage) {
        write(tokens.input)
        write(tokens.cacheRead)
        write(tokens.cacheWriteShort)
        write(tokens.cacheWriteLong)
        write(tokens.audioInput)
        write(tokens.imageInput)
        write(tokens.output)
        write(tokens.audioOutput)
        write(tokens.reasoning)
    }

    mutating func write<Value: FixedWidthInteger>(_ value: Value) {
        let width = MemoryLayout<Value>.size
        reserve(width)
        storage.withUnsafeMutableBytes { bytes in
            bytes.storeBytes(of: value.bigEndian, toByteOffset: count, as: Value.self)
        }
        count += width
    }

    private mutating func reserve(_ width: Int) {
        guard count + width > storage.count else { return }
        storage += [UInt8](repeating: 0, count: max(width, storage.count))
    }

    mutating func write<Entity>(_ identifier: Identifier<Entity>) {
        write(identifier.high)
        write(identifier.low)
    }

    mutating func write(_ amount: Pico) { write(amount.units) }

    mutating func write(_ text: String) {
        var text = text
        text.withUTF8 { characters in
            write(UInt32(characters.count))
            reserve(characters.count)
            storage.withUnsafeMutableBytes { bytes in
                UnsafeMutableRawBufferPointer(rebasing: bytes[count...])
                    .copyMemory(from: UnsafeRawBufferPointer(characters))
            }
            count += characters.count
        }
    }

    mutating func write<Value>(optional value: Value?, _ write: (inout Self, Value) -> Void) {
        guard let value else { return self.write(0 as UInt8) }
        self.write(1 as UInt8)
        write(&self, value)
    }
}
