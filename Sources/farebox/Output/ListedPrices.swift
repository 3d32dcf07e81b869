import Billing
import Schema

/// The prices of some models at one instant, for people and for programs.
///
/// Token prices are shown per million, as people compare them; fees per call.
struct ListedPrices {
    let snapshot: PriceSnapshot
    let pattern: ModelPattern
    let currency: Currency
    let plan: String?
    let at: Instant

    /// What has a price in the list or the plan, by name.
    private var terms: [PriceTerms] {
        let names = snapshot.editions.filter { edition in
            let line = edition.header.line
            return line.currency == currency && line.source != .cost
                && (line.plan == nil || line.plan == plan)
        }.flatMap { $0.allTerms.map(\.model) }
        return Set(names).filter(pattern.matches).sorted().compactMap { name in
            snapshot.terms(model: name, currency: currency, plan: plan, at: at)
        }
    }

    var result: CommandResult {
        var table = Table(
            .left("MODEL"),
            .left("PRICE"),
            .right("\(currency) PER MILLION"),
            .right("VERSION")
        )
        var nodes: [JSONNode] = []
        for terms in terms {
            for (item, price) in Self.items(terms) {
                table.rows.append([
                    terms.model, item, price.description, terms.version.description,
                ])
                nodes.append(
                    .object([
                        ("model", .text(terms.model)), ("item", .text(item)),
                        ("price", .text(price.description)),
                        ("version", .integer(terms.version.number)),
                    ])
                )
            }
        }
        return CommandResult(text: table.text, json: .array(nodes))
    }

    private static func items(_ terms: PriceTerms) -> [(String, Pico)] {
        terms.tokenPrices.entries.map { entry in
            (entry.key.description, Pico(entry.price.units * 1_000_000))
        }
            + terms.fees.sorted { $0.key.rawValue < $1.key.rawValue }.map { fee in
                ("\(fee.key.rawValue) (per call)", fee.value)
            }
    }
}
