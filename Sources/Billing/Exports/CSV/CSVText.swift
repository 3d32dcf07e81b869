/// Comma-separated values by RFC 4180, in UTF-8: a line of names, then the records.
///
/// No cell is one that a spreadsheet would run.
package struct CSVText {
    package private(set) var text: String

    package init(names: [String]) {
        text = ""
        append(names)
    }

    /// Appends a record of texts and plain decimals.
    package mutating func append(_ cells: [String]) {
        text += cells.map(Self.written).joined(separator: ",")
        text += "\r\n"
    }

    /// Takes out what was written so far.
    package mutating func take() -> String {
        defer { text = "" }
        return text
    }

    private static func written(_ cell: String) -> String {
        let safe = isFormula(cell) ? "'" + cell : cell
        guard safe.utf8.contains(where: { ",\"\r\n".utf8.contains($0) }) else { return safe }
        return "\""
            + safe.split(separator: "\"", omittingEmptySubsequences: false)
            .joined(separator: "\"\"") + "\""
    }

    /// Whether a spreadsheet would run the cell, which may be a name that a customer chose.
    private static func isFormula(_ cell: String) -> Bool {
        guard let first = cell.utf8.first, "=+-@\t\r".utf8.contains(first) else { return false }
        let isNumber = cell.utf8.dropFirst().allSatisfy { "0123456789.".utf8.contains($0) }
        return first != UInt8(ascii: "-") || !isNumber || cell.utf8.count == 1
    }
}
