import Ledger
import Postgres
import Schema

/// The price versions that an export met, and for those of a plan the list that it was made from.
struct FocusPrices: Sendable {
    private let database: Database
    private let memory = PriceMemory()
    private var editions: [Int64: PriceEdition] = [:]
    /// By the version of a plan: what the list had when that took effect.
    private var lists: [Int64: [PriceEdition]] = [:]

    init(_ database: Database) {
        self.database = database
    }

    /// Reads what is not held yet.
    mutating func load(_ versions: Set<Int64>) async throws(LedgerError) {
        let missing = versions.subtracting(editions.keys)
        guard !missing.isEmpty else { return }
        let memory = memory
        let read = try await database.ledgerRead { session in
            let headers = try PriceRows.headers(session)
            var lists: [Int64: [Int64]] = [:]
            for header in headers where header.line.plan != nil {
                guard missing.contains(header.version.number) else { continue }
                lists[header.version.number] = PriceSource.list.compactMap { source in
                    headers.inForce(
                        PriceLine(source, header.currency),
                        at: header.effectiveAt
                    )?.version.number
                }
            }
            let wanted = missing.union(lists.values.joined())
            return (editions: try memory.editions(wanted, session), lists: lists)
        }
        editions.merge(read.editions) { present, _ in present }
        lists.merge(read.lists.mapValues { $0.compactMap { read.editions[$0] } }) {
            present,
            _ in present
        }
    }

    /// What a call was charged by.
    func own(_ version: Int64) -> PriceEdition? { editions[version] }

    /// What the price list asks for a unit of a line; nil where that is the call's own price.
    func list(_ item: LineItem, _ call: FocusCall) -> Pico? {
        var best: (match: ModelPattern.Specificity, terms: PriceTerms)?
        for edition in lists[call.priceVersion] ?? [] {
            guard let found = edition.find(call.model) else { continue }
            // The sources are in their order, so only a better match replaces an earlier one.
            if best.map({ found.match > $0.match }) ?? true { best = found }
        }
        guard let terms = best?.terms else { return nil }
        switch item {
        case .tokens(let tokenClass):
            let tier = ContextTier(threshold: call.contextThreshold)
            let price = terms.rate(tokenClass, call.serviceTier, tier).price
            return Pico(price.units * 1_000_000)
        case .fee(let fee): return terms.fees[fee]
        case .calls, .credit, .correction: return nil
        }
    }
}
