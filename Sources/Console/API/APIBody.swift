import Billing
import Ledger
import Schema

/// The JSON object of a request, read member by member; what nobody reads is refused.
struct APIBody: Sendable {
    /// Bodies are small, but for files of prices.
    static let bytesMax = 64 * 1_024
    /// Four times the community's file of prices, in a form.
    static let fileBytesMax = 8 * 1_024 * 1_024

    private let members: [JSONTree.Member]

    static let none = APIBody(members: [])

    private init(members: [JSONTree.Member]) {
        self.members = members
    }

    init(parsing bytes: [UInt8]) throws {
        let tree: JSONTree
        do {
            tree = try JSONTree(parsing: bytes)
        } catch {
            throw Problem(400, "the body is no JSON: \(error)")
        }
        guard let members = tree.members else { throw Problem(400, "the body must be an object") }
        self.members = members
    }

    /// Refuses members that the operation does not know.
    func allow(only names: String...) throws {
        for member in members where !names.contains(member.name) {
            throw Problem(400, "there is no \(member.name) here")
        }
    }

    /// Whether the member is there, `null` or not.
    func has(_ name: String) -> Bool { members.contains { $0.name == name } }

    /// The member's value; nil when it is missing or `null`.
    private func value(_ name: String) -> JSONTree? {
        let value = members.first { $0.name == name }?.value
        return value == .null ? nil : value
    }

    func text(_ name: String, countMax: Int = 200) throws -> String? {
        guard let value = value(name) else { return nil }
        guard let text = value.string, (1...countMax).contains(text.unicodeScalars.count),
            !text.unicodeScalars.contains("\0")
        else { throw Problem(400, "\(name) must be a text of 1 to \(countMax) characters") }
        return text
    }

    func requiredText(_ name: String, countMax: Int = 200) throws -> String {
        guard let text = try text(name, countMax: countMax) else {
            throw Problem(400, "\(name) is missing")
        }
        return text
    }

    /// One of a few words.
    func choice<Choice: RawRepresentable<String> & CaseIterable>(
        _ name: String,
        of type: Choice.Type
    ) throws -> Choice? {
        guard let value = value(name) else { return nil }
        guard let choice = value.string.flatMap(Choice.init(rawValue:)) else {
            let all = Choice.allCases.map(\.rawValue).joined(separator: ", ")
            throw Problem(400, "\(name) must be one of \(all)")
        }
        return choice
    }

    func flag(_ name: String) throws -> Bool {
        guard let value = value(name) else { return false }
        guard case .bool(let flag) = value else {
            throw Problem(400, "\(name) must be true or false")
        }
        return flag
    }

    func integer(_ name: String, in range: ClosedRange<Int64>) throws -> Int64? {
        guard let value = value(name) else { return nil }
        guard let number = value.number.flatMap(Self.wholeNumber), range.contains(number) else {
            throw Problem(
                400,
                "\(name) must be a whole number from \(range.lowerBound) to \(range.upperBound)"
            )
        }
        return number
    }

    /// JSON tells 5 and 5.0 apart by nothing but their looks.
    private static func wholeNumber(_ text: String) -> Int64? {
        let parts = text.split(separator: ".", maxSplits: 1)
        guard parts.count == 1 || parts[1].allSatisfy({ $0 == "0" }) else { return nil }
        return Int64(parts[0])
    }

    /// Money is a text, for numbers of JSON lose digits on their way.
    func amount(_ name: String) throws -> Pico? {
        guard let value = value(name) else { return nil }
        guard let text = value.string, let amount = Pico(text) else {
            throw Problem(400, "\(name) must be a decimal as a text, such as \"12.50\"")
        }
        return amount
    }

    func instant(_ name: String) throws -> Instant? {
        guard let value = value(name) else { return nil }
        guard let text = value.string, let instant = Instant(text) else {
            throw Problem(400, "\(name) must be a date or a time of RFC 3339")
        }
        return instant
    }

    func texts(_ name: String) throws -> [String]? {
        guard let value = value(name) else { return nil }
        guard case .array(let elements) = value else {
            throw Problem(400, "\(name) must be a list of texts")
        }
        return try elements.map { element in
            guard let text = element.string, !text.unicodeScalars.contains("\0") else {
                throw Problem(400, "\(name) must be a list of texts")
            }
            return text
        }
    }

    /// The caps that are to change, one at least.
    func requiredCaps() throws -> SpendLimitChanges {
        let changes = try caps()
        guard !changes.limits.isEmpty else {
            throw Problem(400, "caps must name a day, month or total")
        }
        return changes
    }

    /// The caps that are to change; `null` takes one away.
    func caps() throws -> SpendLimitChanges {
        var changes = SpendLimitChanges()
        guard let value = value("caps") else { return changes }
        guard let members = value.members else { throw Problem(400, "caps must be an object") }
        let body = APIBody(members: members)
        for member in members {
            guard let period = CapPeriod(rawValue: member.name) else {
                throw Problem(400, "caps has no \(member.name), only day, month and total")
            }
            changes.limits[period] = .some(try body.amount(member.name))
        }
        return changes
    }
}
