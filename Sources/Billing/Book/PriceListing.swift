import Schema

/// One price of one model, as people compare them.
package struct ListedPrice: Hashable, Sendable {
    package let model: String
    /// What it is for: `input`, `output priority above 272000`, `web_search (per call)`.
    package let item: String
    /// Of tokens by the million, of fees by the call.
    package let price: Pico
    package let version: PriceVersion
}

extension PriceSnapshot {
    /// What the models cost that have a price in the list or the plan, by name.
    package func listed(
        _ pattern: ModelPattern,
        currency: Currency,
        plan: String?,
        at instant: Instant
    ) -> [ListedPrice] {
        let names = editions.filter { edition in
            let line = edition.header.line
            return line.currency == currency && line.source != .cost
                && (line.plan == nil || line.plan == plan)
        }.flatMap { $0.allTerms.map(\.model) }
        return Set(names).filter(pattern.matches).sorted().flatMap { name in
            terms(model: name, currency: currency, plan: plan, at: instant)?.listed ?? []
        }
    }
}

extension PriceTerms {
    /// The prices one by one.
    package var listed: [ListedPrice] {
        let tokens = tokenPrices.entries.map { entry in
            (entry.key.description, Pico(entry.price.units * 1_000_000))
        }
        let fees = fees.sorted { $0.key.rawValue < $1.key.rawValue }.map { fee in
            ("\(fee.key.rawValue) (per call)", fee.value)
        }
        return (tokens + fees).map { item, price in
            ListedPrice(model: model, item: item, price: price, version: version)
        }
    }
}
