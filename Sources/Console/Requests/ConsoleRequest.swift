import HTTPServer
import Schema

/// A request to the console as a value: its target taken apart and decoded, its body read.
struct ConsoleRequest: Sendable {
    enum Method: String, CaseIterable, Sendable {
        case get = "GET"
        case post = "POST"
        case patch = "PATCH"
    }

    /// As sent; a route's method is one of `Method`.
    let method: String
    /// The parts of the path between slashes, decoded.
    let path: [String]
    let query: FormFields
    let fields: HTTPFields
    let body: [UInt8]

    /// Nil when the target has escapes that nobody should have to guess about.
    init?(_ method: String, path: String, query: String?, fields: HTTPFields, body: [UInt8]) {
        var parts: [String] = []
        for part in path.split(separator: "/", omittingEmptySubsequences: false).dropFirst() {
            guard let decoded = PercentCoding.decode(part) else { return nil }
            parts.append(decoded)
        }
        guard let query = query.map({ FormFields(parsing: $0) }) ?? FormFields.none else {
            return nil
        }
        self.method = method
        self.path = parts
        self.query = query
        self.fields = fields
        self.body = body
    }
}

/// What the console answers.
struct ConsoleResponse: Sendable {
    let status: Int
    var fields: HTTPFields
    let body: [UInt8]
    /// Makes the body while it is sent; nil when `body` is all of it.
    var stream: ConsoleFile.Stream?

    init(
        status: Int,
        type: String,
        _ text: String,
        fields: [(name: String, value: String)] = []
    ) {
        self.init(status: status, type: type, Array(text.utf8), fields: fields)
    }

    init(
        status: Int,
        type: String,
        _ body: [UInt8],
        fields: [(name: String, value: String)] = []
    ) {
        self.status = status
        self.fields = HTTPFields([(name: "content-type", value: type)] + fields)
        self.body = body
    }
}

/// A file that is made while it is sent, so that its length is no matter of memory.
struct ConsoleFile: Sendable {
    typealias Stream = @Sendable (_ write: (String) async throws -> Void) async throws -> Void

    let name: String
    let type: String
    let stream: Stream

    /// Comma-separated values under a name.
    static func csv(_ name: String, _ stream: @escaping Stream) -> ConsoleFile {
        ConsoleFile(name: "\(name).csv", type: "text/csv; charset=utf-8", stream: stream)
    }

    var response: ConsoleResponse {
        var response = ConsoleResponse(status: 200, type: type, "", fields: SafeFields.all)
        response.fields.append("content-disposition", "attachment; filename=\"\(name)\"")
        response.stream = stream
        return response
    }
}
