import Schema

/// What one published version says other than another.
package struct PriceComparison: Hashable, Sendable {
    package let from: PriceVersionHeader
    package let to: PriceVersionHeader
    package let diff: PriceDiff
}

extension PriceBook {
    /// A version with the sheet that it was published from.
    ///
    /// Throws `.noVersion`.
    package func sheet(
        _ version: PriceVersion
    ) async throws(PriceBookError) -> (header: PriceVersionHeader, sheet: PriceSheet) {
        let found = try await reading { session -> (PriceVersionHeader, PriceSheet)? in
            guard
                let header = try PriceRows.headers(session).first(where: { $0.version == version })
            else { return nil }
            let models = try PriceRows.models(session, version)
            return (header, PriceSheet(header.line, models: models))
        }
        guard let found else { throw .noVersion(version) }
        return found
    }

    /// What a version says other than another one of its currency.
    ///
    /// Throws `.noVersion`, and `.incomparable` for versions of two currencies.
    package func compare(
        _ from: PriceVersion,
        _ to: PriceVersion
    ) async throws(PriceBookError) -> PriceComparison {
        let before = try await sheet(from)
        let after = try await sheet(to)
        guard before.header.currency == after.header.currency else {
            throw .incomparable(before.header, after.header)
        }
        let diff = PriceDiff(from: before.sheet, to: after.sheet)
        return PriceComparison(from: before.header, to: after.header, diff: diff)
    }

    /// The version of the same line that this one took over from; nil for the first.
    package func predecessor(
        of header: PriceVersionHeader
    ) async throws(PriceBookError) -> PriceVersionHeader? {
        try await list().filter { $0.line == header.line && $0.precedes(header) }
            .max { $0.precedes($1) }
    }
}
