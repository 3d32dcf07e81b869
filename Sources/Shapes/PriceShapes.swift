import Billing
import Schema

extension JSONNode {
    /// One version against another.
    package static func comparison(_ comparison: PriceComparison) -> JSONNode {
        .object(
            [
                ("from", .integer(comparison.from.version.number)),
                ("to", .integer(comparison.to.version.number)),
                ("currency", .text(comparison.to.currency.code)),
            ] + comparison.diff.fields
        )
    }

    /// A price by the million tokens or by the call.
    package static func listedPrice(_ price: ListedPrice) -> JSONNode {
        .object([
            ("model", .text(price.model)), ("item", .text(price.item)),
            ("price", .text(price.price.description)),
            ("version", .integer(price.version.number)),
        ])
    }

    /// What importing a file did, or would do.
    package static func publication(
        _ publication: PricePublication,
        of file: PriceFile,
        isDry: Bool
    ) -> JSONNode {
        let header = publication.header
        let skipped = (file.report?.skipped ?? []).map { skip in
            JSONNode.object([
                ("model", .text(skip.model)), ("reason", .text(skip.reason.description)),
            ])
        }
        let unpriced = (file.report?.unpricedKeys ?? [:]).sorted { $0.key < $1.key }
            .map { ($0.key, JSONNode.integer(Int64($0.value))) }
        return .object(
            [
                ("version", .integer(header.version.number)),
                ("published", .flag(publication.outcome == .published && !isDry)),
                ("source", .text(header.source.rawValue)),
                ("currency", .text(header.currency.code)),
                ("effective_at", .text(header.effectiveAt.description)),
                ("models", .integer(Int64(file.sheet.models.count))),
            ] + publication.diff.fields + [
                ("skipped", .array(skipped)), ("unpriced_keys", .object(unpriced)),
            ]
        )
    }

    /// A month rated anew.
    package static func preview(_ preview: PricePreview) -> JSONNode {
        let currency = preview.version.currency
        func amount(_ amount: Pico?) -> JSONNode { amount.map { .money($0, currency) } ?? .null }
        let rows = preview.rows.map { row in
            JSONNode.object([
                ("account", .text(row.account)), ("model", .text(row.model)),
                ("calls", .integer(row.calls)), ("before", amount(row.before)),
                ("after", amount(row.after)), ("difference", amount(row.difference)),
            ])
        }
        let total = preview.total
        return .object([
            ("version", .integer(preview.version.version.number)),
            ("month", .text(preview.month.description)), ("currency", .text(currency.code)),
            ("effective_at", .text(preview.version.effectiveAt.description)),
            ("rows", .array(rows)),
            (
                "total",
                .object([
                    ("before", amount(total.before)), ("after", amount(total.after)),
                    ("difference", amount(total.difference)),
                ])
            ),
        ])
    }

    /// A plan's terms from an instant on.
    package static func plan(_ revision: PlanRevision) -> JSONNode { .object(fields(revision)) }

    /// A revision of a plan as it stands, with the version of its prices now.
    package static func plan(_ revision: PlanRevision, of plan: PlanBook.Summary) -> JSONNode {
        .object(
            fields(revision) + [
                ("price_version", plan.version.map { .integer($0.number) } ?? .null),
                ("accounts", .integer(plan.accountCount)),
            ]
        )
    }

    /// What a change of a plan did, or would do.
    package static func planChange(_ change: PlanBook.Change) -> JSONNode {
        let changes = change.isUnchanged ? [("changed", .array([]))] : change.diff.fields
        return .object(fields(change.revision) + changes)
    }

    private static func fields(_ revision: PlanRevision) -> [(String, JSONNode)] {
        let adjustments = revision.adjustments.entries.map { entry in
            (entry.pattern.description, JSONNode.text(entry.basisPoints.description))
        }
        return [
            ("name", .text(revision.plan)), ("currency", .text(revision.currency.code)),
            ("revision", .integer(revision.number)),
            ("effective_at", .text(revision.effectiveAt.description)),
            ("adjustments", .object(adjustments)),
        ]
    }
}

extension PriceDiff {
    /// A difference of prices by the names that programs read.
    fileprivate var fields: [(String, JSONNode)] {
        [
            ("added", .array(added.map(JSONNode.text))),
            ("removed", .array(removed.map(JSONNode.text))),
            ("changed", .array(changes.map { .text($0.description) })),
            ("jumps", .array(jumps.map { .text($0.description) })),
        ]
    }
}
