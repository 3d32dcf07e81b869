import Ledger
import Schema

/// How usage, events and taxes become rows.
///
/// Over all rows `BilledCost` is what customers have been asked for, and `EffectiveCost` what they
/// have used: credit that is paid beforehand is billed by the row of its purchase, and effective
/// in those of the usage that burns it.
struct FocusRows {
    let context: FocusContext
    let projects: [ProjectID: String]
    let prices: FocusPrices

    // MARK: Usage

    /// A row for each price term of a group, and one for what promotional credit paid of it.
    func rows(_ group: FocusUsage.Group, _ sum: FocusUsage.Sum) -> [FocusRow] {
        var (paid, rows) = (sum.paid, [FocusRow]())
        for line in lines(group, sum) {
            // What was paid beforehand is taken from the first lines.
            let part = min(paid, line.exact)
            paid -= part
            var row = FocusRow(
                .usage,
                line.description,
                group.period,
                billedCost: line.exact - part,
                effectiveCost: line.exact
            )
            setPrice(&row, line, group)
            rows.append(named(row, group))
        }
        if sum.promotional > .zero {
            let credit = FocusRow(
                .credit,
                "promotional credit",
                group.period,
                billedCost: -sum.promotional,
                effectiveCost: -sum.promotional
            )
            rows.append(named(credit, group))
        }
        return rows
    }

    /// The group as lines of a document, which are the price terms.
    private func lines(_ group: FocusUsage.Group, _ sum: FocusUsage.Sum) -> [DocumentLine] {
        let month = context.bounds.month
        let row = UsageRow(
            serviceMonth: month,
            project: group.project,
            key: group.key,
            model: group.call.model,
            priceVersion: group.call.priceVersion,
            serviceTier: group.call.serviceTier,
            contextThreshold: group.call.contextThreshold,
            calls: sum.calls,
            tokens: sum.tokens,
            webSearches: sum.webSearches,
            charge: sum.charge
        )
        return UsageLines([row], month: month, projects: projects) { version, model in
            prices.own(version)?.terms(for: model)
        }.lines
    }

    private func setPrice(_ row: inout FocusRow, _ line: DocumentLine, _ group: FocusUsage.Group) {
        let unit = line.item.focusUnit
        let quantity = Pico(Int128(line.quantity) * 1_000_000_000_000 / Int128(line.priceQuantity))
        let own = line.unitPrice
        let list = own == nil ? nil : prices.list(line.item, group.call) ?? own
        row.price = FocusRow.Price(
            consumedUnit: unit,
            consumedQuantity: line.quantity,
            pricingUnit: line.priceQuantity == 1 ? unit : "\(line.priceQuantity) \(unit)",
            pricingQuantity: quantity,
            listUnitPrice: list,
            contractedUnitPrice: own
        )
        row.contractedCost = line.exact + line.uncharged
        row.listCost = list.map { $0.times(line.quantity, per: line.priceQuantity) } ?? line.exact
        let sku = "\(group.call.model)/\(line.item.name)"
        row.skuID = sku
        row.skuPriceID =
            "v\(group.call.priceVersion)/\(sku)/\(group.call.serviceTier.rawValue)"
            + "/\(group.call.contextThreshold)"
    }

    private func named(_ row: FocusRow, _ group: FocusUsage.Group) -> FocusRow {
        var row = row
        row.project = projects[group.project] ?? group.project.description
        row.key = group.key
        row.publisher = group.upstream
        row.call = group.call
        row.isCorrection = group.isLate
        return row
    }

    // MARK: The rest

    /// The row of an event that is no call, or of what a call paid beside itself; nil for what
    /// concerns no costs.
    func row(
        _ event: BookedEvent,
        isCredited: Bool,
        on period: FocusPeriod,
        correctsEarlier: Bool
    ) -> FocusRow? {
        let billed = BookPostings(event, isCredited: isCredited).lines.reduce(Pico.zero) {
            $1.account == .cash || $1.account == .receivable ? $0 + $1.amount : $0
        }
        var (asked, used) = (billed, billed - event.moved.paid)
        if event.kind == .usage {
            let cover = event.cover
            asked -= -event.amount - cover.paid - cover.promotional
            used -= -event.amount - cover.promotional
        }
        guard asked != .zero || used != .zero else { return nil }
        var row = FocusRow(
            event.focusCategory(asked),
            event.bookDescription,
            period,
            billedCost: asked,
            effectiveCost: used
        )
        row.isCorrection = correctsEarlier
        if row.category == .purchase { setPurchase(&row) }
        return row
    }

    /// Prepaid credit is a SKU of its own, of which one is bought at its own price.
    private func setPurchase(_ row: inout FocusRow) {
        row.skuID = "prepaid-credit"
        row.skuPriceID = "prepaid-credit"
        row.price = FocusRow.Price(
            consumedUnit: nil,
            consumedQuantity: nil,
            pricingUnit: "Purchases",
            pricingQuantity: Pico(1_000_000_000_000),
            listUnitPrice: row.billedCost,
            contractedUnitPrice: row.billedCost
        )
    }

    /// The row of a document's tax; nil for its payment.
    func row(_ tax: BookedTax, on period: FocusPeriod) -> FocusRow? {
        guard tax.cause != .payment else { return nil }
        let isBack = tax.cause == .creditNote || tax.cause == .creditNoteOfPaid
        let amount = isBack ? -tax.amount : tax.amount
        var row = FocusRow(
            .tax,
            "tax of \(tax.number)",
            period,
            billedCost: amount,
            effectiveCost: amount
        )
        row.isCorrection = isBack
        return row
    }
}

extension BookedEvent {
    fileprivate func focusCategory(_ billed: Pico) -> FocusRow.ChargeCategory {
        switch other?.recorded.event.body {
        case .creditGranted(let grant): grant.kind == .paid && billed > .zero ? .purchase : .credit
        case .payment: .purchase
        default: .adjustment
        }
    }
}

extension LineItem {
    /// What is counted, as FOCUS writes units.
    fileprivate var focusUnit: String {
        switch self {
        case .tokens: "Tokens"
        case .fee(.webSearch): "Searches"
        case .fee(.request), .calls: "Requests"
        case .credit, .correction: "Units"
        }
    }
}

extension Pico {
    /// The cost of so much at this price of `unit`; exact, for prices are whole per token.
    fileprivate func times(_ quantity: Int64, per unit: Int64) -> Pico {
        Pico(units / Int128(unit) * Int128(quantity))
    }
}
