import HTTPServer

/// The trace that a call belongs to, by the W3C's Trace Context.
///
/// Only a well-formed `traceparent` is passed on and logged, and `tracestate` with it alone: what
/// is malformed is treated as absent, as the recommendation has it.
struct TraceContext: Equatable {
    /// The most that is passed on of `tracestate`; a longer one is dropped as a whole.
    private static let stateBytesMax = 512

    let parent: String
    let state: String?

    /// Nil when the request belongs to no trace.
    init?(_ fields: HTTPFields) {
        let parents = fields.all(named: "traceparent")
        guard parents.count == 1, let parent = parents.first, Self.isParent(parent) else {
            return nil
        }
        self.parent = parent
        let state = fields.all(named: "tracestate").joined(separator: ",")
        self.state = (1...Self.stateBytesMax).contains(state.utf8.count) ? state : nil
    }

    /// What all spans of the trace have in common: 32 hexadecimal digits.
    var traceID: String { String(parent.dropFirst(3).prefix(32)) }

    /// `version-trace-parent-flags`, of which a version beyond 00 may have more behind it.
    static func isParent(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        let dash = UInt8(ascii: "-")
        guard bytes.count >= 55, bytes[2] == dash, bytes[35] == dash, bytes[52] == dash else {
            return false
        }
        let isVersionZero = bytes[0] == UInt8(ascii: "0") && bytes[1] == UInt8(ascii: "0")
        guard isVersionZero ? bytes.count == 55 : bytes.count == 55 || bytes[55] == dash else {
            return false
        }
        let parts = [bytes[0..<2], bytes[3..<35], bytes[36..<52], bytes[53..<55]]
        guard parts.allSatisfy({ $0.allSatisfy(isHexadecimal) }) else { return false }
        let isForbidden = bytes[0] == UInt8(ascii: "f") && bytes[1] == UInt8(ascii: "f")
        return !isForbidden && !isZero(parts[1]) && !isZero(parts[2])
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
            || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
    }

    private static func isZero(_ digits: ArraySlice<UInt8>) -> Bool {
        digits.allSatisfy { $0 == UInt8(ascii: "0") }
    }
}
