/// A form with a file in it, as browsers send it (RFC 7578): parts between lines of a boundary.
struct MultipartForm {
    private static let lineEnd = Array("\r\n".utf8)

    private let bytes: [UInt8]
    private let delimiter: [UInt8]

    /// Nil for a type that is no such form's.
    init?(_ bytes: [UInt8], contentType: String?) {
        let parts = (contentType ?? "").split(separator: ";").map { $0.drop { $0 == " " } }
        guard parts.first?.lowercased() == "multipart/form-data",
            let parameter = parts.first(where: { $0.lowercased().hasPrefix("boundary=") })
        else { return nil }
        let boundary = parameter.dropFirst("boundary=".count).filter { $0 != "\"" }
        guard (1...70).contains(boundary.utf8.count) else { return nil }
        self.bytes = bytes
        delimiter = Array("--\(boundary)".utf8)
    }

    /// The fields, files as their texts; nil for a form that is malformed or has no proper texts.
    var fields: FormFields? {
        guard bytes.starts(with: delimiter) else { return nil }
        let separator = Self.lineEnd + delimiter
        var position = delimiter.count
        var fields: [FormFields.Field] = []
        while true {
            // What follows a delimiter is the end of its line, or two hyphens behind the last part.
            let mark = bytes[position...].prefix(2)
            if mark.elementsEqual("--".utf8) { return FormFields(fields: fields) }
            guard mark.elementsEqual(Self.lineEnd),
                let end = find(separator, from: position + 2),
                let field = Self.field(bytes[(position + 2)..<end])
            else { return nil }
            fields.append(field)
            position = end + separator.count
        }
    }

    private static func field(_ part: ArraySlice<UInt8>) -> FormFields.Field? {
        var rest = part
        var name: String?
        while true {
            guard let end = lineEnd(in: rest) else { return nil }
            let line = rest[rest.startIndex..<end]
            rest = rest[(end + 2)...]
            if line.isEmpty { break }
            guard let text = String(validating: line, as: UTF8.self) else { return nil }
            if text.lowercased().hasPrefix("content-disposition:") { name = Self.name(in: text) }
        }
        // No text that PostgreSQL can keep has a zero.
        guard let name, !rest.contains(0),
            let value = String(validating: rest, as: UTF8.self)
        else { return nil }
        return FormFields.Field(name: name, value: value)
    }

    /// The value of ` name="…"`; browsers escape a quotation mark in it.
    private static func name(in header: String) -> String? {
        for part in header.split(separator: ";").map({ $0.drop { $0 == " " } })
        where part.hasPrefix("name=\"") && part.hasSuffix("\"") {
            return String(part.dropFirst("name=\"".count).dropLast())
        }
        return nil
    }

    private static func lineEnd(in slice: ArraySlice<UInt8>) -> Int? {
        var index = slice.startIndex
        while index + 1 < slice.endIndex {
            if slice[index] == lineEnd[0], slice[index + 1] == lineEnd[1] { return index }
            index += 1
        }
        return nil
    }

    private func find(_ separator: [UInt8], from start: Int) -> Int? {
        var index = start
        while index + separator.count <= bytes.count {
            // A file has few line ends beside its bytes, so the rest is rarely compared.
            if bytes[index] == separator[0],
                bytes[index..<(index + separator.count)].elementsEqual(separator)
            {
                return index
            }
            index += 1
        }
        return nil
    }
}
