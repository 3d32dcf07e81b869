import Ledger
import Schema

/// What all rows of an account's month have in common.
struct FocusContext: Sendable {
    let account: AccountSummary
    let bounds: MonthCalendar.Bounds
    /// Who sells and invoices: the issuer's legal name.
    let provider: String
    let keyNames: [KeyID: String]
}

/// Rows of FOCUS 1.0 as comma-separated values: its 43 columns, then those of Farebox.
struct FocusCSV {
    static let names = [
        "AvailabilityZone", "BilledCost", "BillingAccountId", "BillingAccountName",
        "BillingCurrency", "BillingPeriodEnd", "BillingPeriodStart", "ChargeCategory",
        "ChargeClass", "ChargeDescription", "ChargeFrequency", "ChargePeriodEnd",
        "ChargePeriodStart", "CommitmentDiscountCategory", "CommitmentDiscountId",
        "CommitmentDiscountName", "CommitmentDiscountStatus", "CommitmentDiscountType",
        "ConsumedQuantity", "ConsumedUnit", "ContractedCost", "ContractedUnitPrice",
        "EffectiveCost", "InvoiceIssuerName", "ListCost", "ListUnitPrice", "PricingCategory",
        "PricingQuantity", "PricingUnit", "ProviderName", "PublisherName", "RegionId",
        "RegionName", "ResourceId", "ResourceName", "ResourceType", "ServiceCategory",
        "ServiceName", "SkuId", "SkuPriceId", "SubAccountId", "SubAccountName", "Tags",
        "x_ContextThreshold", "x_Model", "x_PriceVersion", "x_ServiceTier",
    ]
    private static let partCount = 64 * 1_024

    private var csv = CSVText(names: names)

    /// Whether so much was written that it should be taken out.
    var isWorthWriting: Bool { csv.text.utf8.count > Self.partCount }

    mutating func take() -> String { csv.take() }

    mutating func append(_ row: FocusRow, _ context: FocusContext) {
        let values = Self.charge(row)
            .merging(Self.account(context), uniquingKeysWith: { first, _ in first })
            .merging(Self.resource(row, context), uniquingKeysWith: { first, _ in first })
            .merging(Self.price(row), uniquingKeysWith: { first, _ in first })
        csv.append(Self.names.map { values[$0] ?? "" })
    }

    private static func account(_ context: FocusContext) -> [String: String] {
        [
            "BillingAccountId": context.account.slug,
            "BillingAccountName": context.account.name,
            "BillingCurrency": context.account.currency.code,
            "BillingPeriodStart": context.bounds.startsAt.description,
            "BillingPeriodEnd": context.bounds.endsAt.description,
            "InvoiceIssuerName": context.provider,
            "ProviderName": context.provider,
            "ServiceCategory": "AI and Machine Learning",
            "ServiceName": "LLM API",
        ]
    }

    private static func charge(_ row: FocusRow) -> [String: String] {
        [
            "BilledCost": decimal(row.billedCost),
            "EffectiveCost": decimal(row.effectiveCost),
            "ContractedCost": decimal(row.contractedCost),
            "ListCost": decimal(row.listCost),
            "ChargeCategory": row.category.rawValue,
            "ChargeClass": row.isCorrection ? "Correction" : "",
            "ChargeDescription": row.description,
            "ChargeFrequency": row.category == .usage ? "Usage-Based" : "One-Time",
            "ChargePeriodStart": row.period.startsAt.description,
            "ChargePeriodEnd": row.period.endsAt.description,
        ]
    }

    private static func price(_ row: FocusRow) -> [String: String] {
        guard let price = row.price else { return [:] }
        return [
            "ConsumedQuantity": price.consumedQuantity.map { "\($0).0" } ?? "",
            "ConsumedUnit": price.consumedUnit ?? "",
            "PricingCategory": "Standard",
            "PricingQuantity": decimal(price.pricingQuantity),
            "PricingUnit": price.pricingUnit,
            "ListUnitPrice": price.listUnitPrice.map(decimal) ?? "",
            "ContractedUnitPrice": price.contractedUnitPrice.map(decimal) ?? "",
            "SkuId": row.skuID ?? "",
            "SkuPriceId": row.skuPriceID ?? "",
        ]
    }

    private static func resource(_ row: FocusRow, _ context: FocusContext) -> [String: String] {
        var values = [
            "PublisherName": row.publisher ?? context.provider,
            "SubAccountId": row.project ?? "", "SubAccountName": row.project ?? "",
        ]
        if let key = row.key {
            values["ResourceId"] = key.description
            values["ResourceName"] = context.keyNames[key] ?? ""
            values["ResourceType"] = "API key"
        }
        if let call = row.call {
            values["x_Model"] = call.model
            values["x_PriceVersion"] = "v\(call.priceVersion)"
            values["x_ServiceTier"] = call.serviceTier.rawValue
            values["x_ContextThreshold"] = String(call.contextThreshold)
        }
        return values
    }

    /// Exact, and always with a point: programs that guess a column's type by its values then
    /// never take a month of whole units for integers.
    private static func decimal(_ amount: Pico) -> String { amount.decimal(fractionDigitsMin: 1) }
}
