/// A value that stands in JSON as one text, so that nothing of it is lost in a number.
package protocol TextCoded: Codable {
    var codedText: String { get }
    static func decoded(_ text: String) -> Self?
}

extension TextCoded {
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(codedText)
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let value = Self.decoded(text) else {
            throw DecodingError.dataCorruptedError(
                in: container,
                debugDescription: "\"\(text)\" is no \(Self.self)"
            )
        }
        self = value
    }
}

extension Pico: TextCoded {
    package var codedText: String { description }
    package static func decoded(_ text: String) -> Pico? { Pico(text) }
}

extension Currency: TextCoded {
    package var codedText: String { code }
    package static func decoded(_ text: String) -> Currency? { Currency(text) }
}

extension Instant: TextCoded {
    package var codedText: String { description }
    package static func decoded(_ text: String) -> Instant? { Instant(text) }
}

extension CalendarDate: TextCoded {
    package var codedText: String { description }
    package static func decoded(_ text: String) -> CalendarDate? { CalendarDate(text) }
}

extension Month: TextCoded {
    package var codedText: String { description }
    package static func decoded(_ text: String) -> Month? { Month(text) }
}

extension Identifier: TextCoded {
    package var codedText: String { description }
    package static func decoded(_ text: String) -> Self? { Self(text) }
}

extension ServiceTier: Codable {}
extension CreditGranted.Kind: Codable {}
