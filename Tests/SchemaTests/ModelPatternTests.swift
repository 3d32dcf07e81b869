import Testing

@testable import Schema

@Suite struct ModelPatternTests {
    @Test func `a star matches what begins with what is before it`() throws {
        let pattern = try #require(ModelPattern("claude-*"))
        #expect(pattern.matches("claude-opus") && pattern.matches("claude-"))
        #expect(!pattern.matches("claude") && !pattern.matches("a-claude-b"))
        #expect(pattern.name == nil)
    }

    @Test func `a name matches itself only`() throws {
        let pattern = try #require(ModelPattern("gpt-5"))
        #expect(pattern.matches("gpt-5") && !pattern.matches("gpt-5-mini"))
        #expect(pattern.name == "gpt-5")
    }

    @Test(arguments: ["", "*-mini", "a*b", "**"])
    func `a star anywhere else is refused`(text: String) {
        #expect(ModelPattern(text) == nil)
    }

    @Test func `names go before patterns, and longer patterns before shorter`() throws {
        let patterns = try ["*", "claude-*", "claude-opus-*", "claude-opus-4"].map {
            try #require(ModelPattern($0))
        }
        let sorted = patterns.sorted { $0.specificity > $1.specificity }
        #expect(sorted.map(\.description) == ["claude-opus-4", "claude-opus-*", "claude-*", "*"])
    }
}
