/// Walks a `JSONTree` and collects every fault with its path, so that one run of
/// `check-config` shows all that is wrong.
final class ConfigurationReader {
    private(set) var faults: [String] = []

    func fault(_ path: String, _ message: String) {
        faults.append("\(path.isEmpty ? "the file" : path): \(message)")
    }

    /// The fields of an object whose names are all among `known`.
    func object(
        _ tree: JSONTree?,
        at path: String,
        known: Set<String>
    ) -> [String: JSONTree] {
        let fields = entries(tree, at: path)
        for name in fields.keys.sorted() where !known.contains(name) {
            fault(Self.join(path, name), "is not a setting that this version of Farebox has")
        }
        return fields
    }

    /// The fields of an object whose names are the user's own.
    func entries(_ tree: JSONTree?, at path: String) -> [String: JSONTree] {
        switch tree {
        case .object(let fields): return fields
        case nil: return [:]
        case .some(let other):
            fault(path, "must be an object, not \(other.kindName)")
            return [:]
        }
    }

    func list(_ tree: JSONTree?, at path: String) -> [JSONTree] {
        switch tree {
        case .array(let elements): return elements
        case nil: return []
        case .some(let other):
            fault(path, "must be a list, not \(other.kindName)")
            return []
        }
    }

    func text(_ tree: JSONTree?, at path: String) -> String? {
        switch tree {
        case .text(let text): return text
        case nil: return nil
        case .some(let other):
            fault(path, "must be a text, not \(other.kindName)")
            return nil
        }
    }

    func requiredText(_ tree: JSONTree?, at path: String) -> String? {
        if tree == nil { fault(path, "is missing") }
        return text(tree, at: path)
    }

    /// A boolean.
    func flag(_ tree: JSONTree?, at path: String) -> Bool? {
        guard let tree else { return nil }
        guard case .flag(let value) = tree else {
            fault(path, "must be true or false")
            return nil
        }
        return value
    }

    func integer(
        _ tree: JSONTree?,
        at path: String,
        in range: ClosedRange<Int64>
    ) -> Int64? {
        switch tree {
        case .integer(let value) where range.contains(value): return value
        case .integer(let value):
            fault(path, "must be from \(range.lowerBound) to \(range.upperBound), not \(value)")
            return nil
        case nil: return nil
        case .some(let other):
            fault(path, "must be a whole number, not \(other.kindName)")
            return nil
        }
    }

    func choice<Value: CaseIterable & RawRepresentable>(
        _ tree: JSONTree?,
        at path: String,
        of type: Value.Type
    ) -> Value? where Value.RawValue == String {
        guard let text = text(tree, at: path) else { return nil }
        if let value = Value(rawValue: text) { return value }
        let names = Value.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ", ")
        fault(path, "must be one of \(names), not \"\(text)\"")
        return nil
    }

    static func join(_ path: String, _ name: String) -> String {
        path.isEmpty ? name : "\(path).\(name)"
    }
}
