/// A whole document, as a value: what it says, and on which paper.
package struct Document: Sendable {
    package let title: String
    package let author: String
    /// The program that made it.
    package let creator: String
    /// RFC 3339 in UTC, `2026-11-01T00:00:00Z`: the file's own date, so that the same document is
    /// the same bytes whenever it is made.
    package let date: String
    package let paper: Paper
    package let blocks: [Block]
    /// Stands at the top of every page but the first.
    package let head: @Sendable (PageNumber) -> [Block]
    /// Stands at the bottom of every page.
    package let foot: @Sendable (PageNumber) -> [Block]

    package init(
        title: String,
        author: String,
        creator: String,
        date: String,
        paper: Paper = .a4,
        blocks: [Block],
        head: @escaping @Sendable (PageNumber) -> [Block] = { _ in [] },
        foot: @escaping @Sendable (PageNumber) -> [Block] = { _ in [] }
    ) {
        self.title = title
        self.author = author
        self.creator = creator
        self.date = date
        self.paper = paper
        self.blocks = blocks
        self.head = head
        self.foot = foot
    }
}

/// Which page of how many, from one.
package struct PageNumber: Hashable, Sendable {
    package let number: Int
    package let count: Int
}

/// A sheet and its margins.
package struct Paper: Hashable, Sendable {
    package let width: Length
    package let height: Length
    package let side: Length
    package let top: Length
    package let bottom: Length
    /// Between the body and what stands above and below it on every page.
    package let furnitureGap: Length

    package init(
        width: Length,
        height: Length,
        side: Length,
        top: Length,
        bottom: Length,
        furnitureGap: Length
    ) {
        self.width = width
        self.height = height
        self.side = side
        self.top = top
        self.bottom = bottom
        self.furnitureGap = furnitureGap
    }

    package static let a4 = Paper(
        width: .millimetres(210),
        height: .millimetres(297),
        side: .millimetres(20),
        top: .millimetres(18),
        bottom: .millimetres(12),
        furnitureGap: .millimetres(7)
    )

    var textWidth: Length { width - side * 2 }
}
