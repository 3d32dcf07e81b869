/// The rows of `drafts` whose calls have no end yet, as the file keeps them: a bit for each.
///
/// So a draft that ends is not touched again: its bit is cleared, together with those of all other
/// calls of the transaction, and its row stays until another call's draft is written over it.
struct SlotSet: Hashable, Sendable {
    /// The length grows in steps, so that the file's row is mostly rewritten in place.
    private static let bytesStep = 32

    private(set) var bytes: [UInt8] = []

    init() {}

    init(bytes: [UInt8]) { self.bytes = bytes }

    func contains(_ slot: Int64) -> Bool {
        let (index, bit) = Self.place(of: slot)
        return index < bytes.count && bytes[index] & bit != 0
    }

    mutating func insert(_ slot: Int64) {
        let (index, bit) = Self.place(of: slot)
        if index >= bytes.count {
            let count = (index / Self.bytesStep + 1) * Self.bytesStep
            bytes += repeatElement(0, count: count - bytes.count)
        }
        bytes[index] |= bit
    }

    mutating func remove(_ slot: Int64) {
        let (index, bit) = Self.place(of: slot)
        if index < bytes.count { bytes[index] &= ~bit }
    }

    /// Slots are counted from 1.
    private static func place(of slot: Int64) -> (index: Int, bit: UInt8) {
        (Int((slot - 1) >> 3), 1 << UInt8((slot - 1) & 7))
    }
}
