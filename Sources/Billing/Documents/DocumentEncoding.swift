import Digest
import Foundation
import Schema

/// The canonical bytes of a document: what is stored, hashed and compared.
///
/// JSON without blanks, its members sorted by name, absent ones left out, money as exact decimals
/// in text or as whole minor units, and no number with a fraction. Equal documents have equal
/// bytes.
package enum DocumentEncoding {
    /// The bytes of a document.
    package static func encode(_ document: InvoiceDocument) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        return Array(try encoder.encode(document))
    }

    /// The document of such bytes.
    package static func decode(_ bytes: [UInt8]) throws -> InvoiceDocument {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(InvoiceDocument.self, from: Data(bytes))
    }

    /// What a document is recognised by.
    package static func hash(_ bytes: [UInt8]) -> SHA256Digest { SHA256.hash(bytes) }
}

/// A value that stands in JSON as one text.
private protocol TextCoded {
    var codedText: String { get }
    static func decoded(_ text: String) -> Self?
}

extension TextCoded {
    fileprivate func write(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(codedText)
    }

    fileprivate static func read(from decoder: any Decoder) throws -> Self {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let value = decoded(text) else {
            throw DecodingError.dataCorruptedError(
                in: container,
                debugDescription: "\"\(text)\" is no \(Self.self)"
            )
        }
        return value
    }
}

extension Pico: Codable, TextCoded {
    fileprivate var codedText: String { description }
    fileprivate static func decoded(_ text: String) -> Pico? { Pico(text) }
    package func encode(to encoder: any Encoder) throws { try write(to: encoder) }
    package init(from decoder: any Decoder) throws { self = try Self.read(from: decoder) }
}

extension Currency: Codable, TextCoded {
    fileprivate var codedText: String { code }
    fileprivate static func decoded(_ text: String) -> Currency? { Currency(text) }
    package func encode(to encoder: any Encoder) throws { try write(to: encoder) }
    package init(from decoder: any Decoder) throws { self = try Self.read(from: decoder) }
}

extension Instant: Codable, TextCoded {
    fileprivate var codedText: String { description }
    fileprivate static func decoded(_ text: String) -> Instant? { Instant(text) }
    package func encode(to encoder: any Encoder) throws { try write(to: encoder) }
    package init(from decoder: any Decoder) throws { self = try Self.read(from: decoder) }
}

extension CalendarDate: Codable, TextCoded {
    fileprivate var codedText: String { description }
    fileprivate static func decoded(_ text: String) -> CalendarDate? { CalendarDate(text) }
    package func encode(to encoder: any Encoder) throws { try write(to: encoder) }
    package init(from decoder: any Decoder) throws { self = try Self.read(from: decoder) }
}

extension Month: Codable, TextCoded {
    fileprivate var codedText: String { description }
    fileprivate static func decoded(_ text: String) -> Month? { Month(text) }
    package func encode(to encoder: any Encoder) throws { try write(to: encoder) }
    package init(from decoder: any Decoder) throws { self = try Self.read(from: decoder) }
}

extension LineItem: Codable, TextCoded {
    fileprivate var codedText: String { name }
    fileprivate static func decoded(_ text: String) -> LineItem? { all.first { $0.name == text } }
    package func encode(to encoder: any Encoder) throws { try write(to: encoder) }
    package init(from decoder: any Decoder) throws { self = try Self.read(from: decoder) }
}

extension MinorUnits: Codable {
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(count)
    }

    package init(from decoder: any Decoder) throws {
        self.init(try decoder.singleValueContainer().decode(Int64.self))
    }
}

extension ServiceTier: Codable {}
extension CreditGranted.Kind: Codable {}
