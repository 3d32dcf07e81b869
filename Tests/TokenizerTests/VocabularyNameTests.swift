import Testing

@testable import Tokenizer

@Suite struct VocabularyNameTests {
    @Test(arguments: [
        ("gpt-4o", VocabularyName.o200k), ("gpt-4o-mini-2024-07-18", .o200k),
        ("openai/gpt-4.1-nano", .o200k), ("o3", .o200k), ("o4-mini", .o200k),
        ("gpt-5.4-mini", .o200k),
        ("gpt-oss-20b", .o200k), ("gpt-oss:20b", .o200k), ("gpt-4", .cl100k),
        ("gpt-4-turbo", .cl100k), ("gpt-3.5-turbo-0125", .cl100k), ("ft:gpt-4o:me", .o200k),
        ("text-embedding-3-small", .cl100k),
    ])
    func `a model of a known family has its vocabulary`(model: String, name: VocabularyName) {
        #expect(VocabularyName(model: model) == name)
    }

    @Test(arguments: ["claude-opus-5", "gpt-40", "o1x", "llama-3.3-70b", "my-gpt-4o", ""])
    func `any other model has none`(model: String) {
        #expect(VocabularyName(model: model) == nil)
    }
}
