import CCurl

/// A request's fields as the linked list that curl reads, in one allocation.
///
/// curl neither copies nor changes it: it lives until the transfer's handle was reset.
struct FieldList: ~Copyable {
    private let storage: UnsafeMutableRawPointer
    let head: UnsafeMutablePointer<curl_slist>

    /// Lays out the fields, and what keeps curl from adding fields of its own.
    init(_ fields: [(name: String, value: String)], hasBody: Bool) {
        var lines = fields
        // A name without a value keeps curl from sending its own: see `append`.
        var removed = ["Expect"]
        if !contains(fields, "accept") { removed.append("Accept") }
        if hasBody && !contains(fields, "content-type") { removed.append("Content-Type") }
        if !contains(fields, "accept-encoding") { lines.append(("accept-encoding", "identity")) }

        let count = lines.count + removed.count
        let nodeBytes = count * MemoryLayout<curl_slist>.stride
        var byteCount = nodeBytes
        for line in lines { byteCount += line.name.utf8.count + line.value.utf8.count + 3 }
        for name in removed { byteCount += name.utf8.count + 2 }

        storage = .allocate(
            byteCount: byteCount,
            alignment: MemoryLayout<curl_slist>.alignment
        )
        head = storage.bindMemory(to: curl_slist.self, capacity: count)
        var next = head
        var text = (storage + nodeBytes).bindMemory(
            to: UInt8.self,
            capacity: byteCount - nodeBytes
        )
        for (index, line) in lines.enumerated() {
            let start = text
            // "name;" is how curl is told to send a field whose value is empty.
            write(line.name, to: &text)
            write(line.value.isEmpty ? ";" : ": ", to: &text)
            write(line.value, to: &text)
            close(&next, from: start, &text, isLast: index == count - 1)
        }
        for (index, name) in removed.enumerated() {
            let start = text
            write(name, to: &text)
            write(":", to: &text)
            close(&next, from: start, &text, isLast: lines.count + index == count - 1)
        }
    }

    deinit {
        storage.deallocate()
    }
}

/// Ends a line and makes the node that points to it.
private func close(
    _ node: inout UnsafeMutablePointer<curl_slist>,
    from start: UnsafeMutablePointer<UInt8>,
    _ text: inout UnsafeMutablePointer<UInt8>,
    isLast: Bool
) {
    text.initialize(to: 0)
    text += 1
    let line = UnsafeMutableRawPointer(start).assumingMemoryBound(to: CChar.self)
    node.initialize(to: curl_slist(data: line, next: isLast ? nil : node + 1))
    node += 1
}

private func write(_ string: String, to text: inout UnsafeMutablePointer<UInt8>) {
    var string = string
    text += string.withUTF8 { bytes in
        if let start = bytes.baseAddress { text.initialize(from: start, count: bytes.count) }
        return bytes.count
    }
}

private func contains(_ fields: [(name: String, value: String)], _ name: String) -> Bool {
    fields.contains { field in
        field.name.utf8.count == name.utf8.count
            && zip(field.name.utf8, name.utf8).allSatisfy { $0 | 0x20 == $1 | 0x20 }
    }
}
