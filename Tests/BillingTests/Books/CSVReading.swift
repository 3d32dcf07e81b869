/// Reads comma-separated values by RFC 4180, as whoever takes an export does.
enum CSVReading {
    static func rows(_ text: String) -> [[String]] {
        var rows: [[String]] = [[""]]
        var isQuoted = false
        var bytes = Array(text.utf8)[...]
        while let byte = bytes.popFirst() {
            let row = rows.endIndex - 1
            let cell = rows[row].endIndex - 1
            switch (byte, isQuoted) {
            case (UInt8(ascii: "\""), true) where bytes.first == byte:
                bytes.removeFirst()
                rows[row][cell] += "\""
            case (UInt8(ascii: "\""), _): isQuoted.toggle()
            case (UInt8(ascii: ","), false): rows[row].append("")
            case (UInt8(ascii: "\r"), false): continue
            case (UInt8(ascii: "\n"), false): rows.append([""])
            default: rows[row][cell].unicodeScalars.append(Unicode.Scalar(byte))
            }
        }
        return rows.filter { $0 != [""] }
    }
}
