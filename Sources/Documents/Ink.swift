/// A colour, eight bits each of red, green and blue.
package struct Ink: Hashable, Sendable {
    package let red: UInt8
    package let green: UInt8
    package let blue: UInt8

    /// As designers write it: `Ink(0x1a2b3c)`.
    package init(_ code: UInt32) {
        red = UInt8(truncatingIfNeeded: code >> 16)
        green = UInt8(truncatingIfNeeded: code >> 8)
        blue = UInt8(truncatingIfNeeded: code)
    }

    package static let black = Ink(0x000000)
}
