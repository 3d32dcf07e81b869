import Foundation
import Ledger
import Testing

@testable import Console

@Suite struct DescriptionTests {
    @Test func `openapi.yaml describes every operation, and no other`() throws {
        let routes = AdminAPI.routes.map { route in
            Operation(
                method: route.method.rawValue,
                path: "/admin/v1/\(route.pattern.text)",
                name: route.name
            )
        }
        let described = try Self.operations()
        #expect(described.subtracting(routes).isEmpty)
        #expect(Set(routes).subtracting(described).isEmpty)
    }

    @Test func `the description and the guide know every kind of alert`() throws {
        let (description, guide) = (try Self.text("openapi.yaml"), try Self.text("docs/alerts.md"))
        let listed = try #require(description.firstMatch(of: /AlertKind: .*enum: \[(.*)\]/)).1
            .split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
        #expect(Set(listed) == Set(AlertKind.allCases.map(\.rawValue)))
        for kind in AlertKind.allCases { #expect(guide.contains("`\(kind.rawValue)`")) }
    }

    private struct Operation: Hashable {
        let method: String
        let path: String
        let name: String
    }

    private static func text(_ path: String) throws -> String {
        let root = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        return try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }

    /// Finds them by their indentation, which the file keeps.
    private static func operations() throws -> Set<Operation> {
        let text = try text("openapi.yaml")
        var (path, method) = ("", "")
        var found: Set<Operation> = []
        for line in text.split(separator: "\n") {
            if line.hasPrefix("  /") {
                path = String(line.dropFirst(2).dropLast())
            } else if let verb = ConsoleRequest.Method.allCases.first(where: {
                line == "    \($0.rawValue.lowercased()):"
            }) {
                method = verb.rawValue
            } else if line.hasPrefix("      operationId: ") {
                let name = String(line.dropFirst("      operationId: ".count))
                found.insert(Operation(method: method, path: path, name: name))
            }
        }
        return found
    }
}
