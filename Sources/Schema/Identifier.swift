/// A 128-bit identifier of an `Entity`, a UUID in text and in PostgreSQL.
///
/// The phantom type keeps an account's identifier from being passed where a key's is meant.
/// Identifiers made by Farebox are UUIDv7 (RFC 9562 §5.7), so that they sort by time of making.
package struct Identifier<Entity>: Hashable, Comparable, Sendable {
    /// The first eight bytes, big-endian.
    package let high: UInt64
    /// The last eight bytes, big-endian.
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Makes a UUIDv7 from an instant and randomness, both given by the caller.
    package init(at instant: Instant, random: (UInt64, UInt64)) {
        let milliseconds = UInt64(max(0, instant.microseconds / 1_000))
        high = milliseconds << 16 | 0x7000 | random.0 & 0x0fff
        low = 0x8000_0000_0000_0000 | random.1 & 0x3fff_ffff_ffff_ffff
    }

    /// Makes a UUIDv7 of this instant from the system's generator.
    package static func make(at instant: Instant) -> Self {
        var generator = SystemRandomNumberGenerator()
        return Self(at: instant, random: (generator.next(), generator.next()))
    }

    /// When it was made, to the millisecond; nil for one that is no UUIDv7.
    package var madeAt: Instant? {
        guard high & 0xf000 == 0x7000 else { return nil }
        return Instant(microseconds: Int64(high >> 16) * 1_000)
    }

    package static func < (left: Self, right: Self) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }
}

extension Identifier: CustomStringConvertible {
    /// The 36-character lower-case form of RFC 9562.
    package var description: String {
        var text = ""
        text.reserveCapacity(36)
        for (index, digit) in hexadecimal.utf8.enumerated() {
            if index == 8 || index == 12 || index == 16 || index == 20 { text.append("-") }
            text.unicodeScalars.append(Unicode.Scalar(digit))
        }
        return text
    }

    /// The 32-digit form without dashes.
    package var hexadecimal: String {
        let digits = Array("0123456789abcdef".utf8)
        return String(unsafeUninitializedCapacity: 32) { buffer in
            for index in 0..<32 {
                let word = index < 16 ? high : low
                buffer[index] = digits[Int(word >> UInt64(60 - index % 16 * 4) & 0xf)]
            }
            return 32
        }
    }

    /// Reads 32 hexadecimal digits with or without dashes; nil for anything else.
    package init?(_ text: some StringProtocol) {
        var words: (UInt64, UInt64) = (0, 0)
        var count = 0
        for character in text.utf8 where character != UInt8(ascii: "-") {
            guard count < 32, let digit = hexadecimalDigit(character) else { return nil }
            if count < 16 {
                words.0 = words.0 << 4 | digit
            } else {
                words.1 = words.1 << 4 | digit
            }
            count += 1
        }
        guard count == 32 else { return nil }
        self.init(high: words.0, low: words.1)
    }
}

private func hexadecimalDigit(_ character: UInt8) -> UInt64? {
    switch character {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt64(character - UInt8(ascii: "0"))
    case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt64(character - UInt8(ascii: "a") + 10)
    case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt64(character - UInt8(ascii: "A") + 10)
    default: nil
    }
}

/// What has prepaid credit: the aggregate, one event stream each.
package enum AccountEntity {}
/// A part of an account that usage is told apart by.
package enum ProjectEntity {}
/// A secret that calls are authenticated with.
package enum KeyEntity {}
/// One immutable fact in an account's stream.
package enum EventEntity {}
/// One call of a client, admitted or refused.
package enum RequestEntity {}
/// A slice of an account's balance, set aside for one instance.
package enum LeaseEntity {}
/// One journal and the process that has it open.
package enum InstanceEntity {}
/// A sum of credit given to an account.
package enum GrantEntity {}

package typealias AccountID = Identifier<AccountEntity>
package typealias ProjectID = Identifier<ProjectEntity>
package typealias KeyID = Identifier<KeyEntity>
package typealias EventID = Identifier<EventEntity>
package typealias RequestID = Identifier<RequestEntity>
package typealias LeaseID = Identifier<LeaseEntity>
package typealias InstanceID = Identifier<InstanceEntity>
package typealias GrantID = Identifier<GrantEntity>
