/// A text that never appears in a log, an error or a test's output.
package struct Secret: Hashable, Sendable, CustomStringConvertible, CustomDebugStringConvertible {
    package let exposed: String

    package init(_ text: String) {
        exposed = text
    }

    package var description: String { "«secret»" }
    package var debugDescription: String { "«secret»" }
}
