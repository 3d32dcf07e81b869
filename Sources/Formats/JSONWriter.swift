/// Writes JSON values one after another, and the commas between them.
struct JSONWriter {
    private(set) var bytes: [UInt8]
    /// Whether the next name or element follows another.
    private var isFollowing = false

    /// - Parameter bytes: what the JSON is appended to.
    init(appendingTo bytes: [UInt8] = []) {
        self.bytes = bytes
    }

    // MARK: Containers

    mutating func object<E: Error>(_ write: (inout JSONWriter) throws(E) -> Void) throws(E) {
        open(UInt8(ascii: "{"))
        try write(&self)
        close(UInt8(ascii: "}"))
    }

    mutating func array<E: Error>(_ write: (inout JSONWriter) throws(E) -> Void) throws(E) {
        open(UInt8(ascii: "["))
        try write(&self)
        close(UInt8(ascii: "]"))
    }

    mutating func array<Elements: Sequence, E: Error>(
        _ elements: Elements,
        _ write: (inout JSONWriter, Elements.Element) throws(E) -> Void
    ) throws(E) {
        open(UInt8(ascii: "["))
        for element in elements { try write(&self, element) }
        close(UInt8(ascii: "]"))
    }

    // MARK: Values

    mutating func name(_ name: StaticString) {
        separate()
        bytes.append(UInt8(ascii: "\""))
        bytes.append(raw: name)
        bytes.append(raw: "\":")
        isFollowing = false
    }

    mutating func string(_ text: String) {
        separate()
        bytes.append(json: text)
    }

    mutating func integer(_ number: Int64) {
        separate()
        bytes += String(number).utf8
    }

    mutating func boolean(_ value: Bool) {
        separate()
        bytes.append(raw: value ? "true" : "false")
    }

    mutating func null() {
        separate()
        bytes.append(raw: "null")
    }

    /// A value that is JSON already.
    mutating func raw(_ json: some Collection<UInt8>) {
        separate()
        bytes += json
    }

    // MARK: Fields

    mutating func field(_ name: StaticString, _ text: String) {
        self.name(name)
        string(text)
    }

    mutating func field(_ name: StaticString, _ number: Int64) {
        self.name(name)
        integer(number)
    }

    mutating func field(_ name: StaticString, _ value: Bool) {
        self.name(name)
        boolean(value)
    }

    mutating func field(_ name: StaticString, raw json: some Collection<UInt8>) {
        self.name(name)
        raw(json)
    }

    mutating func nullField(_ name: StaticString) {
        self.name(name)
        null()
    }

    /// A string whose text is escaped already.
    mutating func field(_ name: StaticString, escaped text: some Collection<UInt8>) {
        self.name(name)
        bytes.append(UInt8(ascii: "\""))
        bytes += text
        bytes.append(UInt8(ascii: "\""))
        isFollowing = true
    }

    private mutating func open(_ bracket: UInt8) {
        separate()
        bytes.append(bracket)
        isFollowing = false
    }

    private mutating func close(_ bracket: UInt8) {
        bytes.append(bracket)
        isFollowing = true
    }

    private mutating func separate() {
        if isFollowing { bytes.append(UInt8(ascii: ",")) }
        isFollowing = true
    }
}
