import Schema
import Testing

@testable import farebox

@Suite struct CommandLineTests {
    static let command = Command(
        words: ["credit", "grant"],
        summary: "grant",
        arguments: ["ACCOUNT", "AMOUNT", "[NOTE]"],
        options: [.value("--kind", "KIND", "kind"), .flag("--dry", "dry"), .json],
        run: { _ in .silent }
    )

    @Test func `arguments and options come in any order`() throws {
        let invocation = try Invocation(
            Self.command,
            ["--kind=paid", "acme", "--dry", "5", "--json"]
        )
        #expect(invocation.argument(0) == "acme" && invocation.argument(1) == "5")
        #expect(invocation["--kind"] == "paid" && invocation.has("--dry") && invocation.isJSON)
        #expect(invocation.optionalArgument(2) == nil)
    }

    @Test(arguments: [
        ["acme"], ["acme", "5", "x", "y"], ["acme", "5", "--cap-day", "1"],
        ["acme", "5", "--kind"], ["acme", "5", "--dry=1"],
        ["acme", "5", "--kind", "a", "--kind", "b"],
    ])
    func `what does not fit is a usage error`(words: [String]) {
        #expect(throws: UsageError.self) { _ = try Invocation(Self.command, words) }
    }

    @Test func `a negative amount is an argument, not an option`() throws {
        let invocation = try Invocation(Self.command, ["acme", "-5"])
        #expect(try invocation.amount(invocation.argument(1), named: "AMOUNT") == Pico("-5"))
    }

    @Test func `the synopsis says what is optional`() {
        #expect(
            Self.command.synopsis
                == "credit grant ACCOUNT AMOUNT [NOTE] [--kind KIND] [--dry] [--json]"
        )
    }

    @Test func `columns are as wide as they need, and no line ends in spaces`() {
        var table = Table(.left("NAME"), .right("COST"), .left("NOTE"))
        table.rows = [["a", "1.50", ""], ["longer", "12", "x"]]
        #expect(table.text == "NAME    COST  NOTE\na       1.50\nlonger    12  x")
    }

    @Test func `printed JSON keeps its order and escapes`() {
        let node = JSONNode.object([
            ("b", .text("a\"\\\n\u{1}é")), ("a", .array([.integer(-1), .flag(true), .null])),
        ])
        #expect(node.line == #"{"b": "a\"\\\n\u0001é", "a": [-1, true, null]}"#)
    }
}
