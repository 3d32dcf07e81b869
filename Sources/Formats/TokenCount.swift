/// The answer to a request to count tokens, where no upstream counts them.
package enum TokenCount {
    package static func body(inputTokens: Int64) -> [UInt8] {
        Array(#"{"input_tokens":\#(inputTokens)}"#.utf8)
    }
}
