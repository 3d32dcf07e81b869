/// Rows under headings; numbers stand right, in figures of one width.
struct HTMLTable {
    struct Column {
        let heading: String
        let isNumber: Bool

        static func text(_ heading: String) -> Column { Column(heading: heading, isNumber: false) }
        static func number(_ heading: String) -> Column { Column(heading: heading, isNumber: true) }
    }

    /// What the table shows, for people who cannot see where it stands.
    let caption: String
    let columns: [Column]
    var rows: [[HTML]] = []
    /// What is said instead when there are no rows.
    var nothing = "Nothing yet."
    /// What a script may draw of it: the columns of the labels and of the values.
    var chart: (label: Int, value: Int)?

    init(_ caption: String, _ columns: Column...) {
        self.caption = caption
        self.columns = columns
    }

    init(_ caption: String, columns: [Column]) {
        self.caption = caption
        self.columns = columns
    }

    var html: HTML {
        guard !rows.isEmpty else { return "<p class=\"quiet\">\(nothing)</p>" }
        let heads = columns.map { column -> HTML in
            "<th scope=\"col\"\(number(column))>\(column.heading)</th>"
        }
        let lines = rows.map { row -> HTML in
            let cells = zip(columns, row).map { column, cell -> HTML in
                "<td\(number(column))>\(cell)</td>"
            }
            return "<tr>\(cells)</tr>"
        }
        let data: HTML =
            chart.map { " data-label=\"\($0.label)\" data-value=\"\($0.value)\"" } ?? .empty
        return """
            <div class="wide" tabindex="0" role="region" aria-label="\(caption)">
            <table\(data)><caption>\(caption)</caption><thead><tr>\(heads)</tr></thead>
            <tbody>\(lines)</tbody></table></div>
            """
    }

    private func number(_ column: Column) -> HTML {
        column.isNumber ? " class=\"number\"" : .empty
    }
}
