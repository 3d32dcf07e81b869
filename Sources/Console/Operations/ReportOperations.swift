import Billing
import Ledger
import Schema
import Shapes

/// What there is to look at: usage, prices, the ledger, instances and the audit trail.
enum ReportOperations {
    /// How long the database may take for a report.
    static let timeLimit = Duration.seconds(10)

    static let routes: [Route] = [
        .get("accounts/{account}/usage", "usage", query: ["from", "to", "by"], usage),
        .get("prices", "price list", query: ["cursor", "limit"]) { call in
            try call.page(
                try await call.services.prices.list(),
                by: .number,
                name: \.version.description,
                JSONNode.prices
            )
        },
        .get("ledger/status", "ledger status") { call in
            APIAnswer(
                .status(try await call.services.status(), try await call.services.projections())
            )
        },
        .get("instances", "instance list", query: ["cursor", "limit"]) { call in
            try call.page(
                try await call.services.instances.list(),
                by: .identifier,
                name: \.id.description,
                JSONNode.instance
            )
        },
        .get("audit", "audit list", query: ["cursor", "limit"], audit),
    ]

    private static func usage(_ call: APICall) async throws -> APIAnswer {
        let names = (call.query["by"] ?? "day").split(separator: ",")
        let dimensions = try names.map { name in
            guard let dimension = UsageDimension(rawValue: String(name)) else {
                let all = UsageDimension.allCases.map(\.rawValue).joined(separator: ", ")
                throw Problem(400, "by takes \(all)")
            }
            return dimension
        }
        guard Set(dimensions).count == dimensions.count, !dimensions.isEmpty else {
            throw Problem(400, "by takes each dimension once, and at least one")
        }
        let account = try await call.services.accounts.show(call.account)
        let usage = try await call.services.events.usageReport(
            account.id,
            from: try call.instant("from"),
            to: try call.instant("to"),
            by: dimensions,
            timeLimit: timeLimit
        )
        return APIAnswer(usage.node(account.currency))
    }

    /// The newest first, read page by page: it is the one list that only grows.
    private static func audit(_ call: APICall) async throws -> APIAnswer {
        let cursor = try call.cursor(.identifier).flatMap { AuditTrail.EntryID($0) }
        let limit = try call.limit()
        let entries = try await call.services.trail.list(before: cursor, limit: limit + 1)
        let page = Page(entries, after: nil, limit: limit, name: \.id.description)
        return APIAnswer(page.json(JSONNode.auditEntry))
    }
}
