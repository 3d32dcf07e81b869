import Schema

/// The prices in force and those to come, immutable, shared by every loop of an instance.
///
/// Every line of versions has its own: at an instant, of those that are effective the latest
/// effective is in force, and of those the latest published. For a model an exact name goes before
/// a pattern, a longer pattern before a shorter, and among equals the operator's own prices before
/// the community's. An account with a plan pays the plan's prices for the models that it has, which
/// are as specific as the list's already, and the list's for others.
package struct PriceSnapshot: Sendable {
    package static let empty = PriceSnapshot([])

    /// Everything in one currency; there are few, so they are searched.
    private struct Book {
        let currency: Currency
        /// The list's lines in the order of their sources, then the costs.
        var list: [[PriceEdition]]
        var costs: [PriceEdition] = []
        var plans: [String: [PriceEdition]] = [:]

        var editions: [PriceEdition] {
            var lines = list
            lines.append(costs)
            lines += plans.values
            return lines.flatMap(\.self)
        }

        /// What was published as the cost of the upstream's model, or of the model.
        func cost(upstream: String, model: String, at instant: Instant) -> PriceTerms? {
            guard let edition = costs.inForce(at: instant) else { return nil }
            return edition.terms(for: "\(upstream)/\(model)") ?? edition.terms(for: model)
        }

        /// The community's price of the model, else the operator's own.
        func listCost(model: String, at instant: Instant) -> PriceTerms? {
            for line in list.reversed() {
                if let terms = line.inForce(at: instant)?.terms(for: model) { return terms }
            }
            return nil
        }
    }

    /// In the order of their currencies' codes; each line's last edition to take effect first.
    private let books: [Book]

    package init(_ editions: [PriceEdition]) {
        let lines = Dictionary(grouping: editions, by: \.header.line)
            .mapValues { $0.sorted { $0.rank > $1.rank } }
        let currencies = Set(lines.keys.map(\.currency)).sorted { $0.code < $1.code }
        books = currencies.map { currency in
            var book = Book(
                currency: currency,
                list: PriceSource.list.map { lines[PriceLine($0, currency)] ?? [] }
            )
            book.costs = lines[PriceLine(.cost, currency)] ?? []
            for (line, editions) in lines where line.currency == currency {
                if let plan = line.plan { book.plans[plan] = editions }
            }
            return book
        }
    }

    /// What the model costs an account of this currency and plan at this instant; nil when it has
    /// no price then, or the plan is not known.
    package func terms(
        model: String,
        currency: Currency,
        plan: String? = nil,
        at instant: Instant
    ) -> PriceTerms? {
        guard let book = book(currency) else { return nil }
        if let plan {
            guard let editions = book.plans[plan] else { return nil }
            // A plan that begins now, by another clock, has no prices before.
            let edition = editions.inForce(at: instant) ?? editions.last
            if let found = edition?.terms(for: model) { return found }
        }
        return Self.best(book.list, model: model, at: instant)
    }

    /// What an upstream is expected to charge for a model, and in which currency.
    ///
    /// Of costs that were published as such, one of `UPSTREAM/MODEL` goes before one of the model;
    /// without any it is the community's price, and at last the operator's own. Costs in the
    /// currency of the account go before those in others.
    package func costTerms(
        upstream: String,
        model: String,
        preferring currency: Currency,
        at instant: Instant
    ) -> PriceTerms? {
        first(preferring: currency) { $0.cost(upstream: upstream, model: model, at: instant) }
            ?? first(preferring: currency) { $0.listCost(model: model, at: instant) }
    }

    /// The first that the books have, those in the currency before the others.
    private func first(
        preferring currency: Currency,
        _ find: (Book) -> PriceTerms?
    ) -> PriceTerms? {
        for book in books where book.currency == currency {
            if let terms = find(book) { return terms }
        }
        for book in books where book.currency != currency {
            if let terms = find(book) { return terms }
        }
        return nil
    }

    private static func best(
        _ list: [[PriceEdition]],
        model: String,
        at instant: Instant
    ) -> PriceTerms? {
        var best: (match: ModelPattern.Specificity, terms: PriceTerms)?
        for line in list {
            guard let found = line.inForce(at: instant)?.find(model) else { continue }
            // The sources are in their order, so only a better match replaces an earlier one.
            if best.map({ found.match > $0.match }) ?? true { best = found }
        }
        return best?.terms
    }

    private func book(_ currency: Currency) -> Book? {
        books.first { $0.currency == currency }
    }

    /// Whether the model has a list price in any currency at this instant.
    package func hasPrice(model: String, at instant: Instant) -> Bool {
        books.contains { terms(model: model, currency: $0.currency, at: instant) != nil }
    }

    /// Every edition that the snapshot holds, by version.
    package var editions: [PriceEdition] {
        books.flatMap(\.editions).sorted { $0.header.version < $1.header.version }
    }
}

extension [PriceEdition] {
    /// Of one line's editions, the last to take effect first, that in force at an instant.
    fileprivate func inForce(at instant: Instant) -> PriceEdition? {
        first { $0.header.effectiveAt <= instant }
    }
}

/// A price version with its prices, indexed for finding a model.
package final class PriceEdition: Sendable {
    package let header: PriceVersionHeader
    private let byName: [String: PriceTerms]
    /// Longest first; two different prefixes of one length never match the same name.
    private let patterns: [(pattern: ModelPattern, terms: PriceTerms)]

    package init(_ header: PriceVersionHeader, models: [String: ModelPrices]) {
        self.header = header
        byName = models.reduce(into: [:]) { result, model in
            result[model.key] = model.value.terms(
                version: header.version,
                model: model.key,
                currency: header.currency
            )
        }
        patterns = byName.compactMap { name, terms in
            guard let pattern = ModelPattern(name), pattern.isPrefix else { return nil }
            return (pattern, terms)
        }.sorted { $0.pattern.specificity > $1.pattern.specificity }
    }

    package var modelCount: Int { byName.count }

    /// The terms of every model and pattern, by name.
    package var allTerms: [PriceTerms] { byName.values.sorted { $0.model < $1.model } }

    /// The terms under exactly this name or pattern.
    package subscript(name: String) -> PriceTerms? { byName[name] }

    /// The terms that a model is charged by in this version; nil when it has no price here.
    package func terms(for model: String) -> PriceTerms? { find(model)?.terms }

    func find(_ model: String) -> (match: ModelPattern.Specificity, terms: PriceTerms)? {
        if let terms = byName[model] { return (.exact(model), terms) }
        guard let found = patterns.first(where: { $0.pattern.matches(model) }) else { return nil }
        return (found.pattern.specificity, found.terms)
    }

    fileprivate var rank: (Int64, Int64) {
        (header.effectiveAt.microseconds, header.version.number)
    }
}
