import Ledger
import Schema

/// A charge as FOCUS 1.0 (the FinOps Open Cost and Usage Specification) has it.
///
/// Members are named as its columns are; nil is null. Members that hold for all rows of an account
/// are in `FocusContext`.
struct FocusRow: Hashable, Sendable {
    enum ChargeCategory: String, Sendable {
        case usage = "Usage"
        case purchase = "Purchase"
        case tax = "Tax"
        case credit = "Credit"
        case adjustment = "Adjustment"
    }

    /// What is priced, and how much of it there was.
    struct Price: Hashable, Sendable {
        /// Of what was counted: `Tokens`.
        let consumedUnit: String?
        let consumedQuantity: Int64?
        /// Of what the price is for: `1000000 Tokens`.
        let pricingUnit: String
        let pricingQuantity: Pico
        /// Of the price list; nil where the charge is no product, as `contractedUnitPrice` is.
        let listUnitPrice: Pico?
        let contractedUnitPrice: Pico?
    }

    let category: ChargeCategory
    let description: String
    let period: FocusPeriod
    /// What is asked for: what was paid beforehand is in the row of its purchase.
    let billedCost: Pico
    /// What was used, whenever it was paid.
    let effectiveCost: Pico
    /// At the account's own prices, whatever was charged of it.
    var contractedCost: Pico
    /// At the price list's.
    var listCost: Pico
    /// Whether it corrects what an earlier month was billed.
    var isCorrection = false
    var price: Price?
    var skuID: String?
    var skuPriceID: String?
    var project: String?
    var key: KeyID?
    var publisher: String?
    /// What is only Farebox's: in columns whose names begin with `x_`.
    var call: FocusCall?

    init(
        _ category: ChargeCategory,
        _ description: String,
        _ period: FocusPeriod,
        billedCost: Pico,
        effectiveCost: Pico
    ) {
        self.category = category
        self.description = description
        self.period = period
        self.billedCost = billedCost
        self.effectiveCost = effectiveCost
        // What has no list price costs what it is billed at.
        contractedCost = billedCost == .zero ? effectiveCost : billedCost
        listCost = contractedCost
    }
}

/// A day in the account's time zone.
struct FocusPeriod: Hashable, Comparable, Sendable {
    let startsAt: Instant
    let endsAt: Instant

    static func < (left: Self, right: Self) -> Bool { left.startsAt < right.startsAt }
}

/// What calls of a row have in common beside their SKU.
struct FocusCall: Hashable, Sendable {
    let model: String
    let priceVersion: Int64
    let serviceTier: ServiceTier
    let contextThreshold: Int32
}
