import Foundation

/// A JSON document as Foundation reads it, before anything is known about its shape.
indirect enum JSONTree: Decodable {
    case object([String: JSONTree])
    case array([JSONTree])
    case text(String)
    case integer(Int64)
    case fraction(Decimal)
    case flag(Bool)
    case null

    private struct Name: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    init(from decoder: any Decoder) throws {
        if let container = try? decoder.container(keyedBy: Name.self) {
            var fields: [String: JSONTree] = [:]
            for name in container.allKeys {
                fields[name.stringValue] = try container.decode(Self.self, forKey: name)
            }
            self = .object(fields)
            return
        }
        if var container = try? decoder.unkeyedContainer() {
            var elements: [JSONTree] = []
            while !container.isAtEnd { elements.append(try container.decode(Self.self)) }
            self = .array(elements)
            return
        }
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let flag = try? container.decode(Bool.self) {
            self = .flag(flag)
        } else if let integer = try? container.decode(Int64.self) {
            self = .integer(integer)
        } else if let fraction = try? container.decode(Decimal.self) {
            self = .fraction(fraction)
        } else {
            self = .text(try container.decode(String.self))
        }
    }

    /// Reads JSON with comments, trailing commas and unquoted names.
    static func reading(_ data: Data) throws -> JSONTree {
        let decoder = JSONDecoder()
        decoder.allowsJSON5 = true
        return try decoder.decode(Self.self, from: data)
    }

    var kindName: String {
        switch self {
        case .object: "an object"
        case .array: "a list"
        case .text: "a text"
        case .integer: "a whole number"
        case .fraction: "a number"
        case .flag: "true or false"
        case .null: "null"
        }
    }
}

extension JSONTree {
    /// A field of an object; nil for anything else.
    subscript(name: String) -> JSONTree? {
        guard case .object(let fields) = self else { return nil }
        return fields[name]
    }

    var text: String? {
        guard case .text(let text) = self else { return nil }
        return text
    }

    var integer: Int64? {
        guard case .integer(let value) = self else { return nil }
        return value
    }

    var elements: [JSONTree] {
        guard case .array(let elements) = self else { return [] }
        return elements
    }
}
