import Ledger
import Schema

/// One page or one act of the dashboard.
struct PageRoute: Sendable {
    typealias Handler = @Sendable (PageCall) async throws -> PageAnswer

    let method: ConsoleRequest.Method
    let pattern: RoutePattern
    let access: Access
    /// What it is called in the audit trail.
    let name: String
    let handle: Handler

    static func get(
        _ path: String,
        _ name: String,
        access: Access = .look,
        _ handle: @escaping Handler
    ) -> PageRoute {
        PageRoute(method: .get, pattern: .page(path), access: access, name: name, handle: handle)
    }

    static func post(
        _ path: String,
        _ name: String,
        _ access: Access,
        _ handle: @escaping Handler
    ) -> PageRoute {
        PageRoute(method: .post, pattern: .page(path), access: access, name: name, handle: handle)
    }
}

/// What a page is given.
struct PageCall: Sendable {
    let caller: Caller
    let services: ConsoleServices
    let places: [String: String]
    let query: FormFields
    let form: FormFields
    /// What forms must carry.
    let csrf: String

    var account: String { places["account"] ?? "" }

    /// Whether the caller may do such a thing here, so that a form for it makes sense.
    func may(_ access: Access) -> Bool {
        access.verdict(for: caller, account: places["account"]) == .allowed
    }

    /// A field of the form; nil when it was left empty.
    func field(_ name: String) -> String? {
        form[name].flatMap { $0.isEmpty ? nil : $0 }
    }

    /// An identifier in the path.
    func identifier<Entity>(_ place: String) throws -> Identifier<Entity> {
        guard let id = Identifier<Entity>(places[place] ?? "") else {
            throw Problem(404, "no such \(place)")
        }
        return id
    }

    func amount(_ name: String) throws -> Pico {
        guard let amount = field(name).flatMap({ Pico($0) }) else {
            throw Problem(422, "\(name) must be a decimal amount such as 12.50")
        }
        return amount
    }

    func instant(_ text: String?, named name: String) throws -> Instant? {
        guard let text, !text.isEmpty else { return nil }
        guard let instant = Instant(text) else {
            throw Problem(422, "\(name) must be a date such as 2026-12-31")
        }
        return instant
    }
}

/// What a page answers.
enum PageAnswer: Sendable {
    /// - Parameter refreshSeconds: after which it is loaded again; nil for never.
    case page(title: String, HTML, refreshSeconds: Int? = nil)
    /// With a form whose answer leads to another origin.
    case leading(title: String, to: String, HTML)
    /// To be looked at next, by GET.
    case redirect(String)
    /// To be kept, under a name.
    case file(name: String, type: String, [UInt8])
    /// The same of what is made while it is sent.
    case stream(ConsoleFile)
}
