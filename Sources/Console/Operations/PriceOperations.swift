import Billing
import Ledger
import Schema
import Shapes

/// Price versions: what they say, what they change, and publishing them.
enum PriceOperations {
    static let routes: [Route] = [
        .get("prices", "price list", query: ["cursor", "limit"]) { call in
            try call.page(
                try await call.services.prices.list(),
                by: .number,
                name: \.version.description,
                JSONNode.prices
            )
        },
        Route(
            method: .post,
            pattern: "prices",
            access: .operate,
            name: "price import",
            query: ["format", "effective_at", "force", "dry_run"],
            content: .file,
            handle: publish
        ),
        .get("prices/{version}", "price show") { call in
            let (header, sheet) = try await call.services.prices.sheet(try version(call))
            return APIAnswer(
                .object([
                    ("header", .prices(header)), ("sheet", .raw(sheet.fareboxText)),
                ])
            )
        },
        .get("prices/{version}/diff", "price diff", query: ["from"]) { call in
            guard let from = call.query["from"].flatMap({ Int64($0) }), from > 0 else {
                throw Problem(400, "from must be the number of a price version")
            }
            return APIAnswer(
                .comparison(
                    try await call.services.prices.compare(PriceVersion(from), try version(call))
                )
            )
        },
        .get("prices/{version}/preview", "price preview", query: ["month"]) { call in
            guard let month = call.query["month"].flatMap({ Month($0) }) else {
                throw Problem(400, "month must be a month such as 2026-11")
            }
            return APIAnswer(
                .preview(try await call.services.prices.preview(try version(call), month: month))
            )
        },
        .get(
            "model-prices",
            "price list of models",
            query: ["model", "currency", "plan", "at", "cursor", "limit"],
            models
        ),
    ]

    private static func version(_ call: APICall) throws -> PriceVersion {
        let text = call.places["version"] ?? ""
        guard let number = Int64(text), number > 0, String(number) == text else {
            throw Problem(404, "no such price version")
        }
        return PriceVersion(number)
    }

    private static func publish(_ call: APICall) async throws -> APIAnswer {
        var format: PriceFile.Format?
        if let text = call.query["format"] {
            format = PriceFile.Format(rawValue: text)
            guard format != nil else { throw Problem(400, "format is litellm or farebox") }
        }
        let effective = try call.instant("effective_at")
        let (isForced, isDry) = (try call.flag("force"), try call.flag("dry_run"))
        let file = try PriceFile(parsing: call.file, format: format)
        let book = call.services.prices
        let publication =
            isDry
            ? try await book.preview(file.sheet, effectiveAt: effective)
            : try await book.publish(file.sheet, effectiveAt: effective, isForced: isForced)
        let isNew = publication.outcome == .published && !isDry
        return APIAnswer(
            status: isNew ? 201 : 200,
            .publication(publication, of: file, isDry: isDry)
        )
    }

    private static func models(_ call: APICall) async throws -> APIAnswer {
        guard let pattern = ModelPattern(try call.text("model", countMax: 300) ?? "*") else {
            throw Problem(400, "model may have a * only at its end")
        }
        guard let currency = Currency(call.query["currency"] ?? "USD") else {
            throw Problem(400, "currency must be three upper-case letters")
        }
        let at = try call.instant("at") ?? call.now
        let prices = try await call.services.prices.load(at: at).listed(
            pattern,
            currency: currency,
            plan: try call.slug("plan"),
            at: at
        )
        // By their place, for a name with its item would be no cursor that a URL likes.
        let numbered = prices.enumerated().map { (number: Int64($0.offset), price: $0.element) }
        return try call.page(numbered, by: .number, name: { String($0.number) }) { element in
            .listedPrice(element.price)
        }
    }
}

extension APICall {
    /// A flag in the query, which is off when it is missing.
    func flag(_ name: String) throws -> Bool {
        switch query[name] {
        case nil, "false": false
        case "true": true
        default: throw Problem(400, "\(name) must be true or false")
        }
    }
}
