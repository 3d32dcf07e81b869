/// The answer to a request to count tokens, where no upstream counts them.
package enum TokenCount {
    /// The body of an estimate, which is what the API itself calls its counts.
    package static func body(of facts: CallFacts) -> [UInt8] {
        Array(#"{"input_tokens":\#(TokenEstimate.input(of: facts))}"#.utf8)
    }
}
