/// How a text is set.
package struct TextStyle: Hashable, Sendable {
    package var size: Length
    package var isBold: Bool
    package var ink: Ink
    /// Added between letters, for small capitals in headings.
    package var tracking: Length

    package init(
        size: Length,
        isBold: Bool = false,
        ink: Ink = .black,
        tracking: Length = .zero
    ) {
        self.size = size
        self.isBold = isBold
        self.ink = ink
        self.tracking = tracking
    }
}

/// The side of its space that a text stands on, whatever direction its script runs in.
package enum Alignment: Hashable, Sendable {
    case left
    case centre
    case right
}

/// A text in one style: one paragraph for each of its lines.
package struct Paragraph: Hashable, Sendable {
    package let text: String
    package let style: TextStyle
    package let alignment: Alignment

    package init(_ text: String, _ style: TextStyle, _ alignment: Alignment = .left) {
        self.text = text
        self.style = style
        self.alignment = alignment
    }
}
