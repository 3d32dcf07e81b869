/// The fields of a response in order, with lower-case names.
///
/// Their bytes lie in one array, and become text where somebody asks for it: of a dozen fields a
/// call wants one.
struct ResponseFields {
    private struct Entry {
        let start: Int
        let nameCount: Int
        let valueCount: Int
    }

    private var bytes: [UInt8] = []
    private var entries: [Entry] = []

    var count: Int { entries.count }

    mutating func append(name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer) {
        if entries.isEmpty {
            bytes.reserveCapacity(512)
            entries.reserveCapacity(16)
        }
        let start = bytes.count
        entries.append(Entry(start: start, nameCount: name.count, valueCount: value.count))
        bytes.append(contentsOf: name)
        for index in start..<bytes.count where 0x41...0x5a ~= bytes[index] { bytes[index] |= 0x20 }
        bytes.append(contentsOf: value)
    }

    /// The value of the first field of that lower-case name.
    func first(_ name: String) -> String? {
        var name = name
        let entry = name.withUTF8 { name in
            entries.first { entry in
                entry.nameCount == name.count
                    && bytes[entry.start..<entry.start + entry.nameCount].elementsEqual(name)
            }
        }
        return entry.map(value)
    }

    /// All of them; bytes that are not UTF-8 are replaced.
    var list: [(name: String, value: String)] {
        entries.map { entry in
            let name = bytes[entry.start..<entry.start + entry.nameCount]
            return (String(decoding: name, as: UTF8.self), value(entry))
        }
    }

    private func value(_ entry: Entry) -> String {
        let start = entry.start + entry.nameCount
        return String(decoding: bytes[start..<start + entry.valueCount], as: UTF8.self)
    }
}
