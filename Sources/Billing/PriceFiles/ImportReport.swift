import Schema

/// What an import made of a price file: nothing in the file is dropped without a line here.
package struct ImportReport: Hashable, Sendable {
    package struct Skip: Hashable, Sendable {
        package let model: String
        package let reason: SkipReason
    }

    package struct Adjustment: Hashable, Sendable {
        package let model: String
        package let note: String
    }

    /// How many models were imported.
    package var importedCount = 0
    /// Models that were left out, in the order of the file.
    package var skipped: [Skip] = []
    /// Prices that were imported other than as written.
    package var adjusted: [Adjustment] = []
    /// Price keys that Farebox does not price, with the number of imported models that have them.
    package var unpricedKeys: [String: Int] = [:]

    package init() {}

    /// How many models were left out for reasons of one kind, most frequent first.
    package var skipCounts: [(kind: String, count: Int)] {
        Dictionary(grouping: skipped, by: \.reason.kind)
            .map { (kind: $0.key, count: $0.value.count) }
            .sorted { ($1.count, $0.kind) < ($0.count, $1.kind) }
    }
}

/// Why a model of a price file was not imported.
package enum SkipReason: Hashable, Sendable {
    /// An entry that documents the file or configures its reader.
    case notAModel
    /// A mode that Farebox has no endpoint for.
    case mode(String)
    /// Nothing, or only things like images and seconds, has a price.
    case noTokenPrice
    /// Every price is zero, which in a community file says “unknown” as often as “free”.
    case free
    /// Something that a call cannot avoid is priced by a key that Farebox cannot charge.
    case unpriceable(key: String)
    /// A price that is not a whole number of pico-units from zero to the largest.
    case price(key: String, text: String, DecimalText.Failure)
    case defect(String)

    /// The reason without its particulars, to count by.
    package var kind: String {
        switch self {
        case .notAModel: "not a model"
        case .mode(let mode): "mode \(mode)"
        case .noTokenPrice: "no price per token"
        case .free: "priced at zero"
        case .unpriceable: "priced by what cannot be charged"
        case .price: "a price that cannot be kept exactly"
        case .defect: "incomplete prices"
        }
    }
}

extension SkipReason: CustomStringConvertible {
    package var description: String {
        switch self {
        case .notAModel, .mode, .noTokenPrice, .free: kind
        case .unpriceable(let key): "\(key) cannot be charged"
        case .price(let key, let text, let failure): "\(key) is \(text): \(failure.explanation)"
        case .defect(let text): text
        }
    }
}

extension DecimalText.Failure {
    /// What is wrong, for a person.
    package var explanation: String {
        switch self {
        case .notANumber: "not a number"
        case .negative: "below zero"
        case .notExact: "not a whole number of pico-units per token"
        case .tooLarge: "above the largest price"
        }
    }
}
