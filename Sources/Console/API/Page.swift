import Ledger
import Schema

/// A part of a list, and where the next part begins.
///
/// The cursor is the name or identifier of the last element that was shown, so it goes on being
/// good while others are added or taken away.
struct Page<Element> {
    static var limits: ClosedRange<Int> { 1...1_000 }
    static var standardLimit: Int { 100 }

    let elements: ArraySlice<Element>
    /// Nil at the list's end.
    let next: String?

    /// Takes the elements behind the cursor.
    ///
    /// - Parameters:
    ///   - all: in the order of the list.
    ///   - name: what names an element in a cursor.
    init(_ all: [Element], after cursor: String?, limit: Int, name: (Element) -> String) {
        var start = 0
        if let cursor {
            start = all.firstIndex { name($0) == cursor }.map { $0 + 1 } ?? all.endIndex
        }
        let end = min(start + limit, all.endIndex)
        elements = all[start..<end]
        next = end < all.endIndex ? elements.last.map(name) : nil
    }

    /// `{"data": […], "next_cursor": "…"}`.
    func json(_ node: (Element) -> JSONNode) -> JSONNode {
        .object([("data", .array(elements.map(node))), ("next_cursor", .optional(next))])
    }
}

extension APICall {
    /// How many elements the caller wants at most.
    func limit() throws -> Int {
        guard let text = query["limit"] else { return Page<JSONNode>.standardLimit }
        guard let limit = Int(text), text == String(limit), Page<JSONNode>.limits.contains(limit)
        else {
            throw Problem(400, "limit must be a whole number from 1 to 1000")
        }
        return limit
    }

    /// What names the elements of a list, and so may be a cursor.
    enum CursorForm {
        case slug
        case identifier
        case number
        /// The number of a document.
        case document
        /// The identifier of a message of webhooks.
        case message

        fileprivate func isValid(_ text: String) -> Bool {
            switch self {
            case .slug: Slug.isValid(text)
            case .identifier: AccountID(text)?.description == text
            case .message:
                WebhookMessage.identifier(text).map { WebhookMessage.name(of: $0) } == text
            case .document:
                (1...60).contains(text.utf8.count)
                    && text.utf8.allSatisfy { byte in
                        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
                            || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                            || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "/")
                    }
            case .number: (1...18).contains(text.utf8.count) && Int64(text).map { $0 >= 0 } ?? false
            }
        }
    }

    /// Where the caller wants to go on; nil at the beginning.
    func cursor(_ form: CursorForm) throws -> String? {
        guard let text = query["cursor"] else { return nil }
        guard form.isValid(text) else {
            throw Problem(400, "cursor must be the next_cursor of an answer")
        }
        return text
    }

    /// A list in parts.
    func page<Element>(
        _ all: [Element],
        by form: CursorForm,
        name: (Element) -> String,
        _ node: (Element) -> JSONNode
    ) throws -> APIAnswer {
        let page = Page(all, after: try cursor(form), limit: try limit(), name: name)
        return APIAnswer(page.json(node))
    }

    /// A parameter that is a text; nil when it is missing.
    func text(_ name: String, countMax: Int) throws -> String? {
        guard let text = query[name] else { return nil }
        guard (1...countMax).contains(text.unicodeScalars.count),
            !text.unicodeScalars.contains("\0")
        else { throw Problem(400, "\(name) must be a text of 1 to \(countMax) characters") }
        return text
    }

    /// A parameter that is the slug of something; nil when it is missing.
    func slug(_ name: String) throws -> String? {
        guard let text = query[name] else { return nil }
        guard Slug.isValid(text) else { throw Problem(400, "\(name) must be a slug") }
        return text
    }

    func instant(_ name: String) throws -> Instant? {
        guard let text = query[name] else { return nil }
        guard let instant = Instant(text) else {
            throw Problem(400, "\(name) must be a date or a time of RFC 3339")
        }
        return instant
    }
}
