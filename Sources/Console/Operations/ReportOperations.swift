import Billing
import Ledger
import Schema
import Shapes

/// What there is to look at: usage, the ledger and the audit trail.
enum ReportOperations {
    /// How long the database may take for a report.
    static let timeLimit = Duration.seconds(10)

    private static let usageParameters: Set<String> = [
        "from", "to", "by", "project", "key", "model", "upstream",
    ]

    static let routes: [Route] = [
        .get("accounts/{account}/usage", "usage", query: usageParameters, usage),
        .get("ledger/status", "ledger status") { call in
            APIAnswer(
                .status(try await call.services.status(), try await call.services.projections())
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
            of: try filter(call),
            timeLimit: timeLimit
        )
        return APIAnswer(usage.node(account.currency))
    }

    private static func filter(_ call: APICall) throws -> UsageFilter {
        var filter = UsageFilter(
            project: try call.slug("project"),
            model: try call.text("model", countMax: 300),
            upstream: try call.text("upstream", countMax: 300)
        )
        if let text = call.query["key"] {
            filter.key = KeyID(text)
            guard filter.key?.description == text else {
                throw Problem(400, "key must be the id of a key")
            }
        }
        return filter
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
