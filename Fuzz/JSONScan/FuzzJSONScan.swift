import Formats

/// Scans bytes as a value and as an object's fields.
///
/// Both must agree on what is JSON, ranges must lie within the input, and what was scanned once
/// must scan again by itself.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzJSONScan(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    guard let start else { return 0 }
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    let value = scan(bytes, in: 0..<count)
    let object = try? JSONObject(scanning: bytes)
    guard let object else { return 0 }
    precondition(value?.kind == .object, "fields of what is no object")
    var end = object.bodyStart
    for field in object.fields {
        precondition(field.name.range.lowerBound > end - 1, "a field out of order")
        precondition(field.value.range.lowerBound > field.name.range.upperBound, "no colon")
        end = field.value.range.upperBound
        precondition(end < count, "a field behind its object")
        precondition(scan(bytes, in: field.value.range) == field.value, "another value alone")
        check(field.value, bytes)
    }
    return 0
}

private func scan(_ bytes: [UInt8], in range: Range<Int>) -> JSONValue? {
    var scanner = JSONScanner(bytes, in: range)
    do throws(JSONScanError) {
        let value = try scanner.value()
        try scanner.finish()
        return value
    } catch {
        precondition(range.contains(error.offset) || error.offset == range.upperBound)
        return nil
    }
}

private func check(_ value: JSONValue, _ bytes: [UInt8]) {
    let text = value.string(in: bytes)
    precondition(text == nil || value.kind == .string, "a text of what is no string")
    precondition(value.integer(in: bytes) == nil || value.kind == .number)
    // Writing and reading a string gives the same string.
    guard let text else { return }
    let written = [UInt8](json: text)
    precondition(scan(written, in: 0..<written.count)?.string(in: written) == text, "rewritten")
}
