import Foundation
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

    private struct Operation: Hashable {
        let method: String
        let path: String
        let name: String
    }

    /// Finds them by their indentation, which the file keeps.
    private static func operations() throws -> Set<Operation> {
        let root = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let text = try String(contentsOf: root.appending(path: "openapi.yaml"), encoding: .utf8)
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
