import Schema

/// An invoice's calls as comma-separated values: a record for each usage event.
struct CallsCSV {
    private static let names =
        [
            "version", "request_id", "admitted_at", "settled_at", "project", "key_id", "model",
            "endpoint", "service_tier", "context_threshold",
        ] + TokenClass.allCases.map { "\($0.rawValue)_tokens" } + [
            "web_searches", "usage_source", "outcome", "price_version", "amount", "currency",
        ]

    private var csv = CSVText(names: names)
    private let currency: Currency
    private let projects: [ProjectID: String]

    /// Projects are named by their slugs, and by their identifiers where these are not given.
    init(currency: Currency, projects: [ProjectID: String]) {
        self.currency = currency
        self.projects = projects
    }

    var text: String { csv.text }

    /// Takes out what was written so far, so that memory stays flat however many calls there are.
    mutating func take() -> String { csv.take() }

    /// Appends a usage event; other events are no calls and are passed over.
    mutating func append(_ recorded: RecordedEvent) {
        guard case .usage(let usage) = recorded.event.body else { return }
        let call = [
            String(recorded.version), "req_\(usage.request.hexadecimal)",
            usage.admittedAt.description, recorded.event.occurredAt.description,
            projects[usage.project] ?? usage.project.description, usage.key.description,
            usage.model, usage.endpoint.rawValue, usage.serviceTier.rawValue,
            String(usage.contextTier.threshold),
        ]
        let counts = TokenClass.allCases.map { String(usage.tokens[$0]) }
        let charge = [
            String(usage.webSearches), usage.source.rawValue, usage.outcome.rawValue,
            usage.priceVersion.description, (-recorded.amount).description, currency.code,
        ]
        csv.append(call + counts + charge)
    }
}
