import Schema

/// Names and values of a query or a form, in order.
struct FormFields: Hashable, Sendable {
    struct Field: Hashable, Sendable {
        let name: String
        let value: String
    }

    static let none = FormFields()

    let fields: [Field]

    private init() { fields = [] }

    /// Nil for a name that comes twice, which different readers would understand differently.
    init?(fields: [Field]) {
        guard Set(fields.map(\.name)).count == fields.count else { return nil }
        self.fields = fields
    }

    /// Reads `a=1&b=two+words`; nil for malformed escapes and for a name that comes twice.
    init?(parsing text: some StringProtocol) {
        var fields: [Field] = []
        for pair in text.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = PercentCoding.decode(parts[0], plusIsSpace: true),
                let value = PercentCoding.decode(
                    parts.count == 2 ? parts[1] : "",
                    plusIsSpace: true
                )
            else { return nil }
            fields.append(Field(name: name, value: value))
        }
        self.init(fields: fields)
    }

    subscript(name: String) -> String? { fields.first { $0.name == name }?.value }

    var names: [String] { fields.map(\.name) }
}
