/// A place at which what is stored of a document is not what its events make of it.
package struct DocumentDifference: Hashable, Sendable {
    /// A member of the document's JSON such as `lines[3].amount`, or a table with what is in it,
    /// such as `documents.net`.
    package let place: String
    /// Nil where it is not there.
    package let stored: String?
    /// Nil where it would not be there.
    package let recomputed: String?

    init(_ place: String, stored: String?, recomputed: String?) {
        self.place = place
        self.stored = stored
        self.recomputed = recomputed
    }

    /// The difference of two values; nil where there is none.
    init?(of place: String, stored: String?, recomputed: String?) {
        guard stored != recomputed else { return nil }
        self.init(place, stored: stored, recomputed: recomputed)
    }

    /// All differences between the JSON of two documents, in the order of the stored one.
    static func between(_ stored: [UInt8], _ recomputed: [UInt8]) -> [DocumentDifference] {
        guard stored != recomputed else { return [] }
        guard let left = try? JSONTree(parsing: stored),
            let right = try? JSONTree(parsing: recomputed)
        else {
            return [DocumentDifference("documents.body", stored: "no JSON", recomputed: "JSON")]
        }
        var found: [DocumentDifference] = []
        compare(left, right, at: "", &found)
        guard found.isEmpty else { return found }
        // Not canonical, and so not what was hashed.
        return [
            DocumentDifference("documents.body", stored: "other bytes", recomputed: "same values")
        ]
    }

    private static func compare(
        _ stored: JSONTree?,
        _ recomputed: JSONTree?,
        at place: String,
        _ found: inout [DocumentDifference]
    ) {
        guard stored != recomputed else { return }
        switch (stored, recomputed) {
        case (.object(let left)?, .object(let right)?):
            let names = left.map(\.name) + right.map(\.name).filter { stored?[$0] == nil }
            for name in names {
                let place = place.isEmpty ? name : "\(place).\(name)"
                compare(stored?[name], recomputed?[name], at: place, &found)
            }
        case (.array(let left)?, .array(let right)?):
            for index in 0..<max(left.count, right.count) {
                compare(
                    index < left.count ? left[index] : nil,
                    index < right.count ? right[index] : nil,
                    at: "\(place)[\(index)]",
                    &found
                )
            }
        default:
            found.append(
                DocumentDifference(
                    place,
                    stored: stored.map(text),
                    recomputed: recomputed.map(text)
                )
            )
        }
    }

    private static func text(_ tree: JSONTree) -> String {
        switch tree {
        case .null: "null"
        case .bool(let flag): "\(flag)"
        case .number(let digits): digits
        case .string(let text): text
        case .array(let elements): "\(elements.count) elements"
        case .object(let members): "{\(members.map(\.name).joined(separator: ", "))}"
        }
    }
}
