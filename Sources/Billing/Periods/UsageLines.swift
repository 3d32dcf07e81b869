import Schema

/// A month's usage as lines of a document: project × model × price term.
///
/// A line is what was counted times its price. What of that was not charged (beyond a hold,
/// interrupted) is taken from the last lines of its group, and what was charged without a count
/// behind it has a line of its own: so the lines sum to the charges, exactly, and none is negative.
struct UsageLines {
    /// What a group of lines has in common.
    struct Group: Hashable {
        let serviceMonth: Month
        let project: String
        let model: String
        let priceVersion: Int64
        let serviceTier: ServiceTier
        let contextThreshold: Int32
    }

    private(set) var lines: [DocumentLine] = []

    /// - Parameters:
    ///   - month: the document's own month; lines of earlier ones are dated.
    ///   - terms: what a model cost in a price version; nil where that is not known.
    init(
        _ rows: [UsageRow],
        month: Month,
        projects: [ProjectID: String],
        terms: (Int64, String) -> PriceTerms?
    ) {
        var sums: [Group: (tokens: TokenUsage, searches: Int64, calls: Int64, charge: Pico)] = [:]
        for row in rows {
            let group = Group(
                serviceMonth: row.serviceMonth,
                project: projects[row.project] ?? row.project.description,
                model: row.model,
                priceVersion: row.priceVersion,
                serviceTier: row.serviceTier,
                contextThreshold: row.contextThreshold
            )
            var sum = sums[group] ?? (TokenUsage(), 0, 0, .zero)
            for tokenClass in TokenClass.allCases {
                sum.tokens[tokenClass] += row.tokens[tokenClass]
            }
            sum.searches += row.webSearches
            sum.calls += row.calls
            sum.charge += row.charge
            sums[group] = sum
        }
        for (group, sum) in sums.sorted(by: { $0.key.order < $1.key.order }) {
            let terms = terms(group.priceVersion, group.model)
            var counted: [(item: LineItem, quantity: Int64, price: Pico)] = []
            if let terms {
                let tier = ContextTier(threshold: group.contextThreshold)
                for tokenClass in TokenClass.allCases where sum.tokens[tokenClass] > 0 {
                    let rate = terms.rate(tokenClass, group.serviceTier, tier)
                    counted.append((.tokens(tokenClass), sum.tokens[tokenClass], rate.price))
                }
                if sum.searches > 0 {
                    counted.append(
                        (.fee(.webSearch), sum.searches, terms.fees[.webSearch] ?? .zero)
                    )
                }
            }
            append(counted, sum.charge, sum.calls, group, month)
        }
    }

    private mutating func append(
        _ counted: [(item: LineItem, quantity: Int64, price: Pico)],
        _ charge: Pico,
        _ calls: Int64,
        _ group: Group,
        _ month: Month
    ) {
        var rest = charge
        for (item, quantity, price) in counted {
            let gross = Pico(price.units * Int128(quantity))
            let exact = min(gross, rest)
            rest -= exact
            var line = self.line(item, quantity, exact, group, month)
            line.unitPrice = Pico(price.units * Int128(line.priceQuantity))
            line.uncharged = gross - exact
            lines.append(line)
        }
        // Fees for each call, and calls that were charged without counts.
        if rest > .zero { lines.append(line(.calls, calls, rest, group, month)) }
    }

    private func line(
        _ item: LineItem,
        _ quantity: Int64,
        _ exact: Pico,
        _ group: Group,
        _ month: Month
    ) -> DocumentLine {
        var line = DocumentLine(item: item, quantity: quantity, exact: exact, amount: .zero)
        line.serviceMonth = group.serviceMonth == month ? nil : group.serviceMonth
        line.project = group.project
        line.model = group.model
        line.serviceTier = group.serviceTier
        line.contextThreshold = group.contextThreshold
        line.priceVersion = group.priceVersion
        return line
    }
}

extension UsageLines.Group {
    fileprivate var order: (Month, String, String, Int64, String, Int32) {
        (serviceMonth, project, model, priceVersion, serviceTier.rawValue, contextThreshold)
    }
}
