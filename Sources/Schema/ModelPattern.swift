/// A model's name, or a prefix followed by `*`.
package struct ModelPattern: Hashable, Sendable, CustomStringConvertible {
    private let literal: String
    private let isPrefix: Bool

    /// Fails for an empty text and for a `*` anywhere but at the end.
    package init?(_ text: String) {
        isPrefix = text.last == "*"
        literal = isPrefix ? String(text.dropLast()) : text
        guard !text.isEmpty, !literal.contains("*") else { return nil }
    }

    package func matches(_ model: String) -> Bool {
        isPrefix ? model.hasPrefix(literal) : model == literal
    }

    /// Whether the pattern is one model's name, which can be listed.
    package var name: String? { isPrefix ? nil : literal }

    /// Exact names come before patterns, longer patterns before shorter ones.
    package func isMoreSpecific(than other: ModelPattern) -> Bool {
        (isPrefix ? 0 : 1, literal.utf8.count) > (other.isPrefix ? 0 : 1, other.literal.utf8.count)
    }

    package var description: String { isPrefix ? literal + "*" : literal }
}
