/// Rows under headings, in columns as wide as they need, for people to read.
struct Table {
    enum Alignment {
        case left
        case right
    }

    struct Column {
        let heading: String
        let alignment: Alignment

        static func left(_ heading: String) -> Column { Column(heading: heading, alignment: .left) }
        static func right(_ heading: String) -> Column {
            Column(heading: heading, alignment: .right)
        }
    }

    let columns: [Column]
    var rows: [[String]] = []

    init(_ columns: Column...) {
        self.columns = columns
    }

    init(columns: [Column]) {
        self.columns = columns
    }

    var text: String {
        let lines = [columns.map(\.heading)] + rows
        let widths = columns.indices.map { index in lines.map { $0[index].count }.max() ?? 0 }
        return lines.map { line in
            var cells = columns.indices.map { index in
                let padding = String(repeating: " ", count: widths[index] - line[index].count)
                return columns[index].alignment == .left
                    ? line[index] + padding : padding + line[index]
            }.joined(separator: "  ")
            while cells.last == " " { cells.removeLast() }
            return cells
        }.joined(separator: "\n")
    }
}
