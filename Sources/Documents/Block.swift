/// A piece of a document, as wide as the space that it is given.
package indirect enum Block: Hashable, Sendable {
    case text(Paragraph)
    case table(Table)
    /// Side by side, their tops in line.
    case columns([Column])
    /// Left empty; nothing where it would begin a page.
    case gap(Length)
    case rule(Rule)
    /// As tall as that, or as its space is wide enough for.
    case picture(Picture, height: Length)
    /// On one page, all of it.
    case together([Block])
}

/// A part of the width, and what stands in it.
package struct Column: Hashable, Sendable {
    /// How much of the width it takes, compared with the shares of its neighbours.
    package let share: Int
    package let blocks: [Block]

    package init(share: Int, _ blocks: [Block]) {
        self.share = share
        self.blocks = blocks
    }
}

/// A line across.
package struct Rule: Hashable, Sendable {
    package let thickness: Length
    package let ink: Ink

    package init(thickness: Length, ink: Ink) {
        self.thickness = thickness
        self.ink = ink
    }
}
