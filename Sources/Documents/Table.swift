/// Rows under a head that stands again at the top of every page that the table reaches.
package struct Table: Hashable, Sendable {
    /// How wide a column is.
    package enum Width: Hashable, Sendable {
        /// As wide as its widest text.
        case fit
        /// A share of what the others leave.
        case share(Int)
    }

    package struct Column: Hashable, Sendable {
        package let width: Width
        package let alignment: Alignment

        package init(_ width: Width, _ alignment: Alignment = .left) {
            self.width = width
            self.alignment = alignment
        }
    }

    package struct Cell: Hashable, Sendable {
        package let text: String
        package let style: TextStyle
        /// How many columns it reaches over; its alignment is its first column's.
        package let span: Int

        package init(_ text: String, _ style: TextStyle, span: Int = 1) {
            self.text = text
            self.style = style
            self.span = span
        }
    }

    package struct Row: Hashable, Sendable {
        package let cells: [Cell]
        package let ruleAbove: Rule?
        package let ruleBelow: Rule?
        /// Left empty above the row, unless it begins a page.
        package let spaceAbove: Length
        /// Never the last row of a page when another follows: the title of a group.
        package let staysWithNext: Bool
        /// Never the first row of a page: the total of the rows before.
        package let staysWithPrevious: Bool

        package init(
            _ cells: [Cell],
            ruleAbove: Rule? = nil,
            ruleBelow: Rule? = nil,
            spaceAbove: Length = .zero,
            staysWithNext: Bool = false,
            staysWithPrevious: Bool = false
        ) {
            self.cells = cells
            self.ruleAbove = ruleAbove
            self.ruleBelow = ruleBelow
            self.spaceAbove = spaceAbove
            self.staysWithNext = staysWithNext
            self.staysWithPrevious = staysWithPrevious
        }
    }

    package let columns: [Column]
    package let head: [Row]
    package let rows: [Row]
    /// Between neighbouring columns.
    package let columnGap: Length
    /// Above and below the text of every row.
    package let rowPadding: Length

    package init(
        columns: [Column],
        head: [Row],
        rows: [Row],
        columnGap: Length,
        rowPadding: Length
    ) {
        self.columns = columns
        self.head = head
        self.rows = rows
        self.columnGap = columnGap
        self.rowPadding = rowPadding
    }
}
