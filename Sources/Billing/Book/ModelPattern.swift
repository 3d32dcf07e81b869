/// A model's name in a price sheet, or a prefix followed by `*`.
struct ModelPattern: Hashable, Sendable {
    /// As the database keeps it, in characters.
    private static let lengthMax = 300

    let text: String
    private let prefix: String?

    /// Fails for an empty or overlong text and for a `*` anywhere but at the end.
    init?(_ text: String) {
        let literal = text.last == "*" ? String(text.dropLast()) : text
        guard !text.isEmpty, text.unicodeScalars.count <= Self.lengthMax, !literal.contains("*")
        else { return nil }
        self.text = text
        prefix = text.last == "*" ? literal : nil
    }

    /// Whether it stands for more than one model.
    var isPrefix: Bool { prefix != nil }

    func matches(_ model: String) -> Bool {
        if let prefix { model.hasPrefix(prefix) } else { model == text }
    }
}
