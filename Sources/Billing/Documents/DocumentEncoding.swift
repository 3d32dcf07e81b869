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

extension LineItem: TextCoded {
    package var codedText: String { name }
    package static func decoded(_ text: String) -> LineItem? { all.first { $0.name == text } }
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
