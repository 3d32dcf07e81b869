/// Sets a table: a strip for each row, and its head for every page.
struct TableSetter {
    let type: TypeCase
    let table: Table
    private let widths: [Length]

    init(type: TypeCase, width: Length, table: Table) {
        self.type = type
        self.table = table
        widths = Self.widths(type, width, table)
    }

    func strips() -> [Strip] {
        let head = table.head.map { strip($0, head: []) }
        var strips = head + table.rows.map { strip($0, head: head) }
        for index in head.indices {
            strips[index].measure.staysWithNext = true
        }
        for (index, row) in table.rows.enumerated() where row.staysWithPrevious && index > 0 {
            strips[head.count + index - 1].measure.staysWithNext = true
        }
        return strips
    }

    // MARK: - Rows

    private func strip(_ row: Table.Row, head: [Strip]) -> Strip {
        let cells = placed(row)
        // One baseline for all cells, whatever the sizes of their type.
        let ascent = cells.map(\.text.ascent).max() ?? .zero
        let depth = cells.map { $0.text.height - $0.text.ascent }.max() ?? .zero
        let height = ascent + depth + table.rowPadding * 2
        var marks = cells.map { cell in
            Strip.Mark.text(
                cell.text,
                x: cell.x,
                y: table.rowPadding + ascent - cell.text.ascent,
                width: cell.width,
                cell.alignment,
                cell.ink
            )
        }
        let width = x(of: table.columns.count) - table.columnGap
        if let rule = row.ruleAbove {
            marks.append(.rule(rule, x: .zero, y: .zero, width: width))
        }
        if let rule = row.ruleBelow {
            marks.append(.rule(rule, x: .zero, y: height - rule.thickness, width: width))
        }
        var strip = Strip(height: height, marks: marks, head: head)
        strip.measure.spaceAbove = row.spaceAbove
        strip.measure.staysWithNext = row.staysWithNext
        return strip
    }

    private struct PlacedCell {
        let text: ShapedText
        let x: Length
        let width: Length
        let alignment: Alignment
        let ink: Ink
    }

    private func placed(_ row: Table.Row) -> [PlacedCell] {
        var column = 0
        var cells: [PlacedCell] = []
        for cell in row.cells {
            let end = min(column + max(cell.span, 1), table.columns.count)
            guard column < end else { break }
            let width = x(of: end) - table.columnGap - x(of: column)
            if !cell.text.isEmpty {
                let natural = type.shape(cell.text, cell.style, within: nil)
                cells.append(
                    PlacedCell(
                        text: natural.width <= width
                            ? natural : type.shape(cell.text, cell.style, within: width),
                        x: x(of: column),
                        width: width,
                        alignment: table.columns[column].alignment,
                        ink: cell.style.ink
                    )
                )
            }
            column = end
        }
        return cells
    }

    private func x(of column: Int) -> Length {
        widths[..<column].reduce(table.columnGap * column) { $0 + $1 }
    }

    // MARK: - Columns

    private static func widths(_ type: TypeCase, _ width: Length, _ table: Table) -> [Length] {
        let room = width - table.columnGap * (table.columns.count - 1)
        var widths = fitting(type, table)
        let shares = table.columns.reduce(0) { sum, column in
            if case .share(let share) = column.width { sum + share } else { sum }
        }
        // Whatever stands in the others, a quarter stays for those that share.
        let fittingMax = shares == 0 ? room : room * 3 / 4
        let fitting = widths.reduce(.zero) { $0 + $1 }
        if fitting > fittingMax {
            widths = widths.map { Length(units: $0.units * fittingMax.units / fitting.units) }
        }
        let rest = room - min(fitting, fittingMax)
        for (index, column) in table.columns.enumerated() {
            if case .share(let share) = column.width { widths[index] = rest * share / shares }
        }
        return widths
    }

    /// The widths of the widest texts, zero for columns that share the rest.
    private static func fitting(_ type: TypeCase, _ table: Table) -> [Length] {
        var widths = [Length](repeating: .zero, count: table.columns.count)
        for row in table.head + table.rows {
            var column = 0
            for cell in row.cells {
                defer { column += max(cell.span, 1) }
                guard cell.span == 1, column < widths.count, !cell.text.isEmpty,
                    table.columns[column].width == .fit
                else { continue }
                let natural = type.shape(cell.text, cell.style, within: nil)
                widths[column] = max(widths[column], natural.width)
            }
        }
        return widths
    }
}
