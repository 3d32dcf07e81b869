import Ledger
import Schema

/// One operation of the API: where it is, who may use it, and what it takes.
struct Route: Sendable {
    typealias Handler = @Sendable (APICall) async throws -> APIAnswer

    enum Content: Sendable {
        case nothing
        /// A JSON object of members that the operation names.
        case object
        /// A JSON file, which may be long.
        case file
    }

    let method: ConsoleRequest.Method
    let pattern: RoutePattern
    let access: Access
    /// What it is called in the audit trail and in the description of the API.
    let name: String
    /// The parameters that its query may have; others are refused.
    var query: Set<String> = []
    /// Whether it acts once for each `Idempotency-Key`; others refuse that field.
    var isIdempotent = false
    /// What its body is.
    var content = Content.nothing
    let handle: Handler

    static func get(
        _ pattern: RoutePattern,
        _ name: String,
        query: Set<String> = [],
        access: Access = .look,
        _ handle: @escaping Handler
    ) -> Route {
        Route(
            method: .get,
            pattern: pattern,
            access: access,
            name: name,
            query: query,
            handle: handle
        )
    }

    static func post(
        _ pattern: RoutePattern,
        _ name: String,
        _ access: Access,
        isIdempotent: Bool = false,
        hasBody: Bool = true,
        _ handle: @escaping Handler
    ) -> Route {
        Route(
            method: .post,
            pattern: pattern,
            access: access,
            name: name,
            isIdempotent: isIdempotent,
            content: hasBody ? .object : .nothing,
            handle: handle
        )
    }

    static func patch(
        _ pattern: RoutePattern,
        _ name: String,
        _ handle: @escaping Handler
    ) -> Route {
        Route(
            method: .patch,
            pattern: pattern,
            access: .operate,
            name: name,
            content: .object,
            handle: handle
        )
    }
}

/// A path with places in it: `accounts/{account}/keys`, below `/admin/v1`.
struct RoutePattern: Hashable, Sendable, ExpressibleByStringLiteral {
    static let root = ["admin", "v1"]

    let text: String
    private let parts: [String]

    init(stringLiteral text: String) {
        self.init(text, below: Self.root)
    }

    /// A page of the dashboard, which is below nothing.
    static func page(_ text: String) -> RoutePattern { RoutePattern(text, below: []) }

    private init(_ text: String, below root: [String]) {
        self.text = text
        parts = root + text.split(separator: "/").map(String.init)
    }

    /// What stands in the places; nil when the path is another one.
    func match(_ path: [String]) -> [String: String]? {
        guard path.count == parts.count else { return nil }
        var values: [String: String] = [:]
        for (part, value) in zip(parts, path) {
            if part.hasPrefix("{") {
                guard !value.isEmpty else { return nil }
                values[String(part.dropFirst().dropLast())] = value
            } else if part != value {
                return nil
            }
        }
        return values
    }
}

/// What a handler is given.
struct APICall: Sendable {
    let caller: Caller
    let services: ConsoleServices
    /// What stands in the places of the path.
    let places: [String: String]
    let query: FormFields
    let body: APIBody
    /// The bytes of a file that was sent instead; empty without one.
    let file: [UInt8]
    let idempotencyKey: String?
    /// The tag that the caller has seen; nil when it does not care.
    let ifMatch: String?

    /// The slug in the path; only routes that name an account ask for it.
    var account: String { places["account"] ?? "" }

    var now: Instant { services.now() }

    /// An identifier in the path.
    func identifier<Entity>(_ place: String) throws -> Identifier<Entity> {
        guard let text = places[place], let id = Identifier<Entity>(text), id.description == text
        else { throw Problem(404, "no such \(place)") }
        return id
    }
}

/// What a handler answers.
struct APIAnswer: Sendable {
    var status = 200
    let json: JSONNode
    /// What `If-Match` is compared with.
    var tag: String?
    /// What is sent instead of `json`.
    var file: ConsoleFile?

    init(file: ConsoleFile) {
        json = .null
        self.file = file
    }

    init(status: Int = 200, _ json: JSONNode, tag: String? = nil) {
        self.status = status
        self.json = json
        self.tag = tag
    }
}
