/// A model's name, or a prefix followed by `*`.
package struct ModelPattern: Hashable, Sendable, CustomStringConvertible {
    /// In characters, as the database keeps it.
    private static let lengthMax = 300

    private let literal: String
    /// Whether it stands for more than one model.
    package let isPrefix: Bool

    /// Fails for an empty or overlong text and for a `*` anywhere but at the end.
    package init?(_ text: String) {
        isPrefix = text.last == "*"
        literal = isPrefix ? String(text.dropLast()) : text
        guard !text.isEmpty, !literal.contains("*"), text.unicodeScalars.count <= Self.lengthMax
        else { return nil }
    }

    package func matches(_ model: String) -> Bool {
        isPrefix ? model.hasPrefix(literal) : model == literal
    }

    /// Whether every model that the other matches is matched by this one.
    package func covers(_ other: ModelPattern) -> Bool {
        isPrefix ? other.literal.hasPrefix(literal) : self == other
    }

    /// Whether the pattern is one model's name, which can be listed.
    package var name: String? { isPrefix ? nil : literal }

    /// How closely the pattern names a model: an exact name more than any pattern, a longer
    /// pattern more than a shorter one.
    package struct Specificity: Comparable, Sendable {
        private let isExact: Bool
        private let length: Int

        fileprivate init(isExact: Bool, length: Int) {
            self.isExact = isExact
            self.length = length
        }

        /// That of a model's own name.
        package static func exact(_ name: String) -> Self {
            Self(isExact: true, length: name.utf8.count)
        }

        package static func < (left: Self, right: Self) -> Bool {
            (left.isExact ? 1 : 0, left.length) < (right.isExact ? 1 : 0, right.length)
        }
    }

    package var specificity: Specificity {
        Specificity(isExact: !isPrefix, length: literal.utf8.count)
    }

    package var description: String { isPrefix ? literal + "*" : literal }
}
